using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Tasks;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation.Tasks;

/// <summary>What a data file may not be, and in which sentence it is refused.</summary>
public sealed class JsonLinesTests
{
    private const string First = """{"goal": "g", "sol1": "a", "sol2": "b", "label": 0}""";

    private static readonly Piqa Piqa = new();

    [Theory]
    [InlineData("""{"goal": "g", "sol1": "a", "sol2": "b", "label": 0""", "line 2: expected a JSON object with every field once;")]
    [InlineData("""[1, 2]""", "line 2: expected a JSON object with every field once; found array. The file may be cut off or of another kind.")]
    [InlineData("\"text\"", "found string.")]
    [InlineData("null", "found null.")]
    [InlineData("goal,sol1,sol2", "line 2: expected a JSON object with every field once;")]
    [InlineData("""{"goal": "g"} {"goal": "h"}""", "line 2: expected a JSON object with every field once;")]
    [InlineData("""{"goal": "g", "goal": "h", "sol1": "a", "sol2": "b", "label": 0}""", "line 2: expected a JSON object with every field once;")]
    [InlineData("""{"goal": "h", "sol1": "a", "sol2": "b", "label": 0, "more": "\ud800"}""", "line 2: expected text in valid Unicode; found half a surrogate pair")]
    [InlineData("""{"goal": "h", "sol1": "a", "sol2": "b", "label": 0, "\udfff": 1}""", "line 2: expected text in valid Unicode; found half a surrogate pair")]
    [InlineData("""{"goal": 5, "sol1": "a", "sol2": "b", "label": 0}""", "line 2: field goal was expected to be a text; found 5.")]
    [InlineData("""{"goal": null, "sol1": "a", "sol2": "b", "label": 0}""", "line 2: field goal was expected to be a text; found null.")]
    [InlineData("""{"goal": "h", "sol1": {"a": "b"}, "sol2": "b", "label": 0}""", "line 2: field sol1 was expected to be a text; found {\"a\": \"b\"}.")]
    [InlineData("""{"goal": "h", "sol1": "a", "sol2": "", "label": 0}""", "line 2: choice 1 was expected to be a text; found nothing but white space.")]
    [InlineData("""{"goal": "h", "sol1": "a", "sol2": "b", "label": true}""", "field label was expected to be the number of the right choice, 0 to 1")]
    [InlineData("""{"goal": "h", "sol1": "a", "label": 0}""", "line 2: a record of piqa was expected to have the fields goal, sol1 and sol2; found goal, sol1 and label.")]
    [InlineData("{}", "line 2: a record of piqa was expected to have the fields goal, sol1 and sol2; found none.")]
    [InlineData(First, "line 2: the record repeats line 1, which would count it twice; remove one of them.")]
    public void A_second_line_is_refused(string line, string expected) => Assert.Contains(expected, TaskFile.Refusal(Piqa, First, line));

    [Fact]
    public void A_file_of_another_task_is_told_by_its_fields()
    {
        Assert.Equal(
            "data.jsonl, line 1: a record of piqa was expected to have the fields goal, sol1 and sol2; found sentence, option1, option2 and answer. " +
            "These are the fields of winogrande: if that is what the file is for, name that task.",
            TaskFile.Refusal(Piqa, """{"sentence": "a _ b", "option1": "x", "option2": "y", "answer": "1"}"""));
        Assert.Equal(
            "data.jsonl, line 1: a record of lambada_openai was expected to have the fields text, or context and continuation; found goal, sol1, sol2 and label. " +
            "These are the fields of piqa: if that is what the file is for, name that task.",
            TaskFile.Refusal(Lambada.OpenAi, First));
    }

    [Fact]
    public void A_record_that_differs_in_other_fields_only_is_a_repetition() => Assert.Contains(
        "line 3: the record repeats line 1",
        TaskFile.Refusal(Piqa, First, First.Replace("\"g\"", "\"h\"", StringComparison.Ordinal), First.Replace("}", ", \"id\": 7}", StringComparison.Ordinal)));

    /// <summary>What is kept of a record is only a checksum; the earlier line is looked for in the file, labels beside it or not.</summary>
    [Fact]
    public void A_repetition_is_found_among_many_records_and_beside_labels()
    {
        string[] lines = [.. Enumerable.Range(0, 300).Select(i => $$"""{"goal": "{{i % 299}}", "sol1": "a", "sol2": "b"}""")];
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["x.jsonl"], lines);
        File.WriteAllLines(folder["x.lst"], lines.Select(_ => "1"));
        Assert.EndsWith(
            "x.jsonl, line 300: the record repeats line 1, which would count it twice; remove one of them.",
            Assert.Throws<EvaluationException>(() => TaskFile.Read(Piqa, folder["x.jsonl"])).Message);
    }

    [Fact]
    public async Task A_file_has_at_most_four_million_items()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["x.jsonl"], First);
        DataFile data = await DataFile.OpenAsync(folder["x.jsonl"], Piqa);
        EvaluationItem item = Assert.Single(Piqa.Read(data));
        EvaluationItem[] last = [item with { Index = EvaluationTask.MostItems - 1 }, item with { Index = EvaluationTask.MostItems }];
        Assert.Single(EvaluationTask.Bounded(last[..1], data));
        Assert.EndsWith(
            "x.jsonl: a file was expected to have at most 4194304 items; found more. Evaluate it in parts.",
            Assert.Throws<EvaluationException>(() => EvaluationTask.Bounded(last, data).Count()).Message);
    }

    [Fact]
    public void Blank_lines_may_end_a_file_and_not_lie_within_it()
    {
        Assert.Single(TaskFile.Items(Piqa, First, "", " \t\r", ""));
        Assert.Equal(
            "data.jsonl, line 2: expected a JSON object; found a blank line before others. Blank lines may only end the file.",
            TaskFile.Refusal(Piqa, First, "", "", First));
    }

    [Theory]
    [InlineData("", "data.jsonl: the file is empty (pipes and devices count as empty).")]
    [InlineData("\uFEFF", "data.jsonl: expected a JSON object in every line; found only blank lines.")]
    [InlineData("\n\n", "data.jsonl: expected a JSON object in every line; found only blank lines.")]
    public void A_file_without_records_is_refused(string text, string expected) =>
        Assert.Equal(expected, TaskFile.Refusal(Piqa, Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void A_byte_order_mark_and_carriage_returns_do_not_matter()
    {
        string text = $"\uFEFF{First}\r\n{First.Replace("\"g\"", "\"h\"", StringComparison.Ordinal)}";
        Assert.Equal(2, TaskFile.Items(Piqa, "data.jsonl", Encoding.UTF8.GetBytes(text)).Length);
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_are_refused() => Assert.Equal(
        "data.jsonl, line 2: expected UTF-8; found bytes that are none. Convert the file to UTF-8.",
        TaskFile.Refusal(Piqa, [.. Encoding.UTF8.GetBytes(First), (byte)'\n', .. "{\"goal\": \""u8, 0xFF, .. "\"}"u8]));

    [Fact]
    public void A_line_longer_than_a_mebibyte_is_refused()
    {
        string Long(int letters) => First.Replace("\"a\"", $"\"{new string('a', letters)}\"", StringComparison.Ordinal);
        int most = TextLines.LongestLine - First.Length + 1;
        Assert.Single(TaskFile.Items(Piqa, Long(most)));
        Assert.StartsWith("data.jsonl, line 1: the line is longer than 1048576 bytes", TaskFile.Refusal(Piqa, Long(most + 1)));
        Assert.StartsWith("data.jsonl, line 2: the line is longer than 1048576 bytes, so this is no data file", TaskFile.Refusal(Piqa, First, Long(3 << 20)));
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        string Nested(int depth) => $$"""{"goal": "h", "sol1": "a", "sol2": "b", "label": 0, "more": {{new string('[', depth)}}{{new string(']', depth)}}}""";
        Assert.Single(TaskFile.Items(Piqa, Nested(31)));
        Assert.Contains("line 2: expected a JSON object", TaskFile.Refusal(Piqa, First, Nested(100_000)));
    }

    [Fact]
    public void Lines_across_the_ends_of_buffers_are_read_whole()
    {
        string[] lines = [.. Enumerable.Range(0, 400).Select(i => $$"""{"goal": "{{new string('\u00E9', i * 7)}}", "sol1": "a{{i}}", "sol2": "b", "label": 1}""")];
        EvaluationItem[] items = TaskFile.Items(Piqa, lines);
        Assert.Equal(400, items.Length);
        for (int i = 0; i < items.Length; i++)
        {
            Assert.Equal(i, items[i].Index);
            Assert.Equal($"a{i}", items[i].Choices![0]);
        }
    }

    [Fact]
    public async Task A_file_that_has_gone_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["x.jsonl"], First);
        DataFile data = await DataFile.OpenAsync(folder["x.jsonl"], Piqa);
        File.Delete(folder["x.jsonl"]);
        Assert.Contains("x.jsonl: the file cannot be opened:", Assert.Throws<EvaluationException>(() => Piqa.Read(data).Count()).Message);
    }

    /// <summary>A damaged file is read or refused; nothing else is thrown, whichever task it is.</summary>
    [Fact]
    public void Random_damage_is_read_or_refused()
    {
        (EvaluationTask Task, string Text)[] files =
        [
            (Piqa, First + "\n" + """{"goal": "\u00e9 ☕", "sol1": "b\n", "sol2": "c", "label": "1"}""" + "\n"),
            (new Winogrande(), """{"qID": "q", "sentence": "The _ is é.", "option1": "cup", "option2": "pot", "answer": "2"}"""),
            (new HellaSwag(), """{"activity_label": "Tea", "ctx_a": "A [step]", "ctx_b": "he", "endings": ["a", "b", "c", "d"], "label": 2}"""),
            (Lambada.Standard, """{"text": "one two three ☕"}""" + "\n\n"),
            (new WikiText(), " = Tea = \n \n Tea ( é ) is . \n = Pot = \n = = x = = \n"),
        ];
        var random = new Random(1);
        using var folder = new TemporaryFolder();
        int refused = 0;
        foreach ((EvaluationTask task, string text) in files)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            for (int round = 0; round < 400; round++)
            {
                byte[] damaged = [.. bytes.AsSpan(0, round % 10 == 0 ? random.Next(bytes.Length) : bytes.Length)];
                for (int i = random.Next(4); i >= 0 && damaged.Length > 0; i--)
                {
                    damaged[random.Next(damaged.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)"\"\\{}[]\n:,u0"[random.Next(11)];
                }

                File.WriteAllBytes(folder["x.jsonl"], damaged);
                try
                {
                    Assert.NotEmpty(TaskFile.Read(task, folder["x.jsonl"]));
                }
                catch (EvaluationException failure)
                {
                    refused++;
                    Assert.Contains("x.jsonl", failure.Message);
                }
            }
        }

        Assert.InRange(refused, 500, 1999);
    }
}
