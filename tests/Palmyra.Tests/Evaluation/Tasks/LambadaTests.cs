using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation.Tasks;

public sealed class LambadaTests
{
    [Theory]
    [InlineData("She fed the cat", "She fed the", " cat")]
    [InlineData("two  spaces", "two ", " spaces")]
    [InlineData("tab\tand\nline break", "tab\tand\nline", " break")]
    [InlineData("\u201CIt\u2019s her\u201D", "\u201CIt\u2019s", " her\u201D")]
    [InlineData("wide\u3000space no\u00A0break", "wide\u3000space", " no\u00A0break")]
    [InlineData("word", "", " word")]
    [InlineData(" word", "", " word")]
    public void A_passage_is_split_at_its_last_space(string text, string context, string continuation)
    {
        string record = $$"""{"text": {{TaskFile.Json(text)}}}""";
        Assert.Equal(new ContinuationRequest(context, continuation), TaskFile.Request(Assert.Single(TaskFile.Items(Lambada.OpenAi, record))));
        Assert.Equal(
            new ContinuationRequest(context + " ____. ->", continuation),
            TaskFile.Request(Assert.Single(TaskFile.Items(Lambada.StandardCloze, record))));
    }

    [Fact]
    public void Context_and_continuation_may_be_given_apart() => Assert.Equal(
        new ContinuationRequest("She fed the", " cat"),
        TaskFile.Request(Assert.Single(TaskFile.Items(Lambada.OpenAi, """{"context": "She fed the", "continuation": "cat"}"""))));

    [Theory]
    [InlineData("""{"text": "ends with a space "}""")]
    [InlineData("""{"text": ""}""")]
    [InlineData("""{"context": "a", "continuation": ""}""")]
    public void A_passage_without_a_last_word_is_refused(string record) => Assert.Equal(
        "data.jsonl, line 1: the text to score was expected to be a text; found nothing but white space.",
        TaskFile.Refusal(Lambada.OpenAi, record));

    [Fact]
    public void The_original_set_is_also_read_as_lines_of_text()
    {
        EvaluationItem[] items = TaskFile.Items(Lambada.Standard, "a.txt", "the cat sat\r\nthe cat sat\nthe dog ran"u8.ToArray());
        Assert.Equal([" sat", " sat", " ran"], items.Select(item => TaskFile.Request(item).Continuation));
        string message = Assert.Throws<EvaluationException>(() => TaskFile.Items(Lambada.Standard, "a.txt", "a b\n\nc d"u8.ToArray())).Message;
        Assert.EndsWith("a.txt, line 2: expected a passage that ends with the word to score; found none after the last space.", message);
    }

    [Fact]
    public void The_set_repeats_passages_in_all_its_forms()
    {
        string[] lines = ["""{"text": "a b c"}""", """{"text": "d e f"}""", """{"id": 3, "text": "a b c"}"""];
        Assert.All(EvaluationTasks.All.OfType<Lambada>(), task => Assert.Equal(3, TaskFile.Items(task, lines).Length));
    }
}
