using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation.Tasks;

public sealed class PiqaTests
{
    private const string Two = "{\"goal\": \"Dry a cup\", \"sol1\": \"Use a towel. \", \"sol2\": \"Use soup.\"}\n{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\"}\n";

    [Theory]
    [InlineData("x-labels.lst")]
    [InlineData("x.lst")]
    public void Labels_may_lie_beside_the_data(string name)
    {
        EvaluationItem[] items = Read(name, "1\r\n0\n\n");
        Assert.Equal([1, 0], items.Select(item => item.Gold));
        Assert.Equal(
            [new ContinuationRequest("Question: Dry a cup\nAnswer:", " Use a towel. "), new ContinuationRequest("Question: Dry a cup\nAnswer:", " Use soup.")],
            items[0].Requests);
        Assert.Equal(["Use a towel. ", "Use soup."], items[0].Choices);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("\"1\"")]
    public void Labels_may_be_fields(string label) => Assert.Equal(
        1, Assert.Single(TaskFile.Items(new Piqa(), $$"""{"goal": "g", "sol1": "a", "sol2": "b", "label": {{label}}}""")).Gold);

    [Theory]
    [InlineData("1\n", "x.lst: expected a label for every record of ", "x.jsonl; found none for its line 2.")]
    [InlineData("1\n\n0\n", "x.lst: expected a label for every record of ", "x.jsonl; found none for its line 2.")]
    [InlineData("1\n0\n1\n", "x.lst, line 3: expected no more labels than ", "x.jsonl has records; found one more.")]
    [InlineData("1\n2\n", "x.lst, line 2: a label was expected to be 0 or 1.", "")]
    [InlineData("1 0\n", "x.lst, line 1: a label was expected to be 0 or 1.", "")]
    [InlineData("", "x.lst: the file is empty (pipes and devices count as empty).", "")]
    public void Labels_that_do_not_fit_are_refused(string labels, string expected, string end)
    {
        string message = Assert.Throws<EvaluationException>(() => Read("x.lst", labels)).Message;
        Assert.Contains(expected, message);
        Assert.EndsWith(end, message);
    }

    [Fact]
    public void Absent_labels_are_refused_with_the_names_looked_for() => Assert.EndsWith(
        "its records have no field label, and beside it lies neither x-labels.lst nor x.lst with a label a line.",
        Assert.Throws<EvaluationException>(() => Read("y.lst", "1\n0\n")).Message);

    [Fact]
    public void A_record_without_the_label_others_have_is_refused() => Assert.Equal(
        "data.jsonl, line 2: field label is missing; found goal, sol1 and sol2.",
        TaskFile.Refusal(
            new Piqa(), """{"goal": "g", "sol1": "a", "sol2": "b", "label": 1}""", """{"goal": "h", "sol1": "a", "sol2": "b"}"""));

    private static EvaluationItem[] Read(string labelsName, string labels)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["x.jsonl"], Two);
        File.WriteAllText(folder[labelsName], labels);
        return TaskFile.Read(new Piqa(), folder["x.jsonl"]);
    }
}
