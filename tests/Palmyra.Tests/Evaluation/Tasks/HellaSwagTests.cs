using System.Text.RegularExpressions;
using CsCheck;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Tests.Evaluation.Tasks;

/// <summary>Expected texts are those of the harness' rules run by Python 3.11.</summary>
public sealed class HellaSwagTests
{
    [Theory]
    [InlineData("[header] How to x [title] Do Y. [step] z", " How to x. Do Y. z")]
    [InlineData("a [step]", "a ")]
    [InlineData("[a [b] c] d", " c] d")]
    [InlineData("x [multi\nline] y", "x [multi\nline] y")]
    [InlineData("x [multi\nline [tag] ] y", "x [multi\nline ] y")]
    [InlineData("a   b", "a  b")]
    [InlineData("a    b", "a  b")]
    [InlineData("a     b", "a   b")]
    [InlineData("[step]Do it", "Do it")]
    [InlineData(" [title] First", " First")]
    [InlineData("Begin [title]", "Begin. ")]
    [InlineData("Wash it [title][title] Dry it", "Wash it. Dry it")]
    [InlineData("no tags ]here[ at all", "no tags ]here[ at all")]
    [InlineData("a [] b", "a b")]
    [InlineData("\u2003wide\u3000", "wide")]
    [InlineData("\u200Bzero\uFEFF", "\u200Bzero\uFEFF")]
    [InlineData("x [title]y", "x. y")]
    [InlineData("x  [title] y", "x . y")]
    [InlineData("[substeps] \u00E9t\u00E9 [step]", " \u00E9t\u00E9 ")]
    [InlineData("tail [open", "tail [open")]
    [InlineData("\u001C[step] a\u001F", " a")]
    [InlineData("a [step] [substeps] b", "a  b")]
    [InlineData("a.[title] b", "a. b")]
    [InlineData("\U0001F600 [step]\U0001F600", "\U0001F600 \U0001F600")]
    public void Texts_are_cleaned_as_in_Python(string text, string expected) => Assert.Equal(expected, HellaSwag.Clean(text));

    [Fact]
    public void Tags_go_as_by_the_harness_pattern() => Gen.Char["[]\n ab"].Array[0, 40].Select(letters => new string(letters)).Sample(text =>
        Assert.Equal(Regex.Replace($"x{text}x", @"\[.*?\]", string.Empty).Replace("  ", " ", StringComparison.Ordinal), HellaSwag.Clean($"x{text}x")));

    /// <summary>Each took the better part of a minute where every bracket looked through the rest of the text.</summary>
    [Fact]
    public void A_million_brackets_are_read_once()
    {
        string open = new('[', 1 << 20);
        Assert.Equal(open, HellaSwag.Clean(open));
        Assert.Equal(open + "\n]", HellaSwag.Clean(open + "\n]"));
        Assert.Equal(string.Empty, HellaSwag.Clean(open + "]"));
    }

    [Theory]
    [InlineData("Roof", "A man is on a roof.", "he", "Roof: A man is on a roof. He")]
    [InlineData("Roof", "A man.", "", "Roof: A man.")]
    [InlineData("Roof", "A man.", "then JOHN", "Roof: A man. Then john")]
    [InlineData("How to", "[header] How to bake [title] Mix. [step] Stir.", "[substeps] Add MILK.", "How to: How to bake. Mix. Stir. add milk.")]
    [InlineData("x", "a ", "\u01C6ep", "x: a \u01C5ep")]
    [InlineData("x", "a", "\u00DFa", "x: a Ssa")]
    [InlineData("x", "a", "\uFB01ne", "x: a Fine")]
    [InlineData("x", "a", "\u0391\u03A3", "x: a \u0391\u03C2")]
    [InlineData("x", "a", "a\u0130b", "x: a Ai\u0307b")]
    [InlineData("x", "", "B", "x: B")]
    [InlineData(" x ", "a", "\u0149A", "x : a \u02BCNa")]
    public void A_query_is_made_of_label_and_contexts(string label, string first, string second, string expected)
    {
        EvaluationItem item = Assert.Single(TaskFile.Items(new HellaSwag(), Record(label, first, second, "2")));
        Assert.All(item.Requests, request => Assert.Equal(expected, ((ContinuationRequest)request).Context));
    }

    [Fact]
    public void Endings_are_cleaned_and_joined_by_a_space()
    {
        EvaluationItem item = Assert.Single(TaskFile.Items(new HellaSwag(), Record("a", "b", "c", "\"3\"")));
        Assert.Equal(["goes on.", "stops. Rests ", " sleeps", "sings a song"], item.Choices);
        Assert.Equal([" goes on.", " stops. Rests ", "  sleeps", " sings a song"], item.Requests.Select(request => ((ContinuationRequest)request).Continuation));
        Assert.Equal(3, item.Gold);
    }

    [Fact]
    public void Prepared_records_are_taken_as_they_are()
    {
        EvaluationItem item = Assert.Single(TaskFile.Items(
            new HellaSwag(), """{"ind": 7, "query": " A [tag] he", "endings": ["a  b", "c", "d ", "e"], "label": 1}"""));
        Assert.Equal(new ContinuationRequest(" A [tag] he", " a  b"), item.Requests[0]);
        Assert.Equal(1, item.Gold);
    }

    [Theory]
    [InlineData("\"\"", "field label was expected to be the number of the right choice, 0 to 3")]
    [InlineData("4", "found 4.")]
    [InlineData("-1", "found -1.")]
    [InlineData("1.0", "found 1.0.")]
    [InlineData("null", "found null.")]
    public void Labels_out_of_range_are_refused(string label, string expected) =>
        Assert.Contains(expected, TaskFile.Refusal(new HellaSwag(), Record("a", "b", "c", label)));

    [Theory]
    [InlineData("""["a", "b", "c"]""", "expected to have 4 texts; found 3.")]
    [InlineData("""["a", "b", "c", 4]""", "field endings was expected to be a list of texts; found [\"a\", \"b\", \"c\", 4].")]
    [InlineData("""["a", "b", "c", ""]""", "choice 3 was expected to be a text; found nothing but white space.")]
    [InlineData("\"a\"", "field endings was expected to be a list of texts; found \"a\".")]
    public void Endings_of_another_kind_are_refused(string endings, string expected) =>
        Assert.Contains(expected, TaskFile.Refusal(new HellaSwag(), $$"""{"query": "q", "endings": {{endings}}, "label": 0}"""));

    [Fact]
    public void An_ending_that_is_nothing_but_a_tag_is_refused() => Assert.Equal(
        "data.jsonl, line 1: choice 1 was expected to be a text; found nothing but white space.",
        TaskFile.Refusal(new HellaSwag(), """{"activity_label": "a", "ctx_a": "b", "ctx_b": "c", "endings": ["x", "[step]", "y", "z"], "label": 0}"""));

    private static string Record(string label, string first, string second, string gold) =>
        $$"""{"activity_label": {{TaskFile.Json(label)}}, "ctx_a": {{TaskFile.Json(first)}}, "ctx_b": {{TaskFile.Json(second)}}, "endings": ["goes on.", " stops [title] Rests [step]", "[step] sleeps ", "sings  a song"], "label": {{gold}}}""";
}
