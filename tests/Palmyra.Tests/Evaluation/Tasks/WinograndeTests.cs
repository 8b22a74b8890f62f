using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Tests.Evaluation.Tasks;

/// <summary>Expected texts are those of the harness' rules run by Python 3.11.</summary>
public sealed class WinograndeTests
{
    [Theory]
        [InlineData("Ann met Bea so _ smiled.", "Ann", "Bea", "Ann met Bea so Ann", "Ann met Bea so Bea", " smiled.")]
        [InlineData("Ann or Bea: _, so be it.", "Ann", "Bea", "Ann or Bea: Ann", "Ann or Bea: Bea", " , so be it.")]
        [InlineData("_ is first.", "Ann", "Bea", "Ann", "Bea", " is first.")]
        [InlineData("He saw _  twice  spaced. ", "x", "y", "He saw x", "He saw y", " twice  spaced.")]
        [InlineData("A _ and _ again", "left", "right", "A left", "A right", " and _ again")]
        [InlineData("Snake_case _ here", "a", "b", "Snakea", "Snakeb", " case _ here")]
        [InlineData("It was _'s turn.", "$1", "\\1", "It was $1", "It was \\1", " 's turn.")]
        [InlineData("Tab\t_\tafter\t", "{0}", "[b]", "Tab\t{0}", "Tab\t[b]", " after")]
        [InlineData("Wide _\u2003space\u3000", "\u00E9", "\U0001F600", "Wide \u00E9", "Wide \U0001F600", " space")]
        [InlineData("Zero _\u200Bwidth", "a", "b", "Zero a", "Zero b", " \u200Bwidth")]
        [InlineData("Line _\nbreak\n", "", "b", "Line ", "Line b", " break")]
        [InlineData("End _.", "Ann", "Bea", "End Ann", "End Bea", " .")]
        [InlineData("__init__", "a", "b", "a", "b", " _init__")]
        [InlineData("Sep _\u001Cx\u001F", "a", "b", "Sep a", "Sep b", " x")]
    public void A_sentence_is_cut_at_its_first_blank(string sentence, string option1, string option2, string first, string second, string rest)
    {
        EvaluationItem item = Assert.Single(TaskFile.Items(new Winogrande(), Record(sentence, option1, option2, "2")));
        Assert.Equal([new ContinuationRequest(first, rest), new ContinuationRequest(second, rest)], item.Requests);
        Assert.Equal(1, item.Gold);
        Assert.Null(item.Choices);
    }

    [Theory]
    [InlineData("Nothing follows _", "choice 0 was expected to be a text; found nothing but white space.")]
    [InlineData("Nothing follows _ \u3000", "choice 0 was expected to be a text; found nothing but white space.")]
    [InlineData("No blank", "field sentence was expected to be a sentence with _ where an option goes; found \"No blank\".")]
    public void Sentences_without_a_blank_or_an_end_are_refused(string sentence, string expected) =>
        Assert.Contains(expected, TaskFile.Refusal(new Winogrande(), Record(sentence, "a", "b", "1")));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("3")]
    [InlineData(" 1")]
    public void Withheld_and_wrong_answers_are_refused(string answer) => Assert.Contains(
        "field answer was expected to be the number of the right choice, 1 to 2",
        TaskFile.Refusal(new Winogrande(), Record("a _ b", "a", "b", answer)));

    private static string Record(string sentence, string option1, string option2, string answer) =>
        $$"""{"qID": "x", "sentence": {{TaskFile.Json(sentence)}}, "option1": {{TaskFile.Json(option1)}}, "option2": {{TaskFile.Json(option2)}}, "answer": {{TaskFile.Json(answer)}}}""";
}
