using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation.Tasks;

public sealed class CustomTaskTests
{
    private const string Quiz = """
        "name": "quiz", "kind": "multiple_choice", "file": "quiz.jsonl", "context": "Question: {{question}}\nAnswer:"
        """;

    [Fact]
    public void A_multiple_choice_task_has_a_choice_a_template()
    {
        CustomTask task = Load($$$"""{{{{Quiz}}}, "title": "A quiz", "choices": ["{{a}}", "{{ b }}!"], "gold": "{{right}}", "labels": ["A", "B"]}""");
        Assert.Equal(("quiz", "A quiz", TaskKind.MultipleChoice, 0.5), (task.Name, task.Title, task.Kind, task.Chance));
        Assert.EndsWith("quiz.jsonl", task.DataPath);
        Assert.Equal(["quiz.jsonl"], task.FileNames);
        EvaluationItem item = Assert.Single(TaskFile.Items(task, """{"question": "1+1?", "a": 2, "b": "three", "right": "B"}"""));
        Assert.Equal([new ContinuationRequest("Question: 1+1?\nAnswer:", " 2"), new ContinuationRequest("Question: 1+1?\nAnswer:", " three!")], item.Requests);
        Assert.Equal(["2", "three!"], item.Choices);
        Assert.Equal(1, item.Gold);
    }

    [Fact]
    public void Choices_and_labels_may_be_lists_in_the_record()
    {
        CustomTask task = Load(
            $$$"""{{{{Quiz}}}, "choices": "{{choices.text}}", "labels": "{{choices.label}}", "gold": "{{key}}", "delimiter": "", "chance": 0.25}""");
        Assert.Equal(("quiz", 0.25), (task.Title, task.Chance));
        EvaluationItem item = Assert.Single(TaskFile.Items(
            task, """{"question": "q", "choices": {"text": ["x", "y", "z"], "label": ["1", "2", "3"]}, "key": 3}"""));
        Assert.Equal(["x", "y", "z"], item.Requests.Select(request => ((ContinuationRequest)request).Continuation));
        Assert.Equal(2, item.Gold);
    }

    [Theory]
    [InlineData("""["x", "y"]""", "1", 1)]
    [InlineData("""["x", "y"]""", "\"1\"", 1)]
    [InlineData("""["x", "y"]""", "\"y\"", 1)]
    [InlineData("""["3", "4"]""", "\"1\"", 1)]
    [InlineData("""["3", "4"]""", "\"3\"", 0)]
    [InlineData("""["0", "1"]""", "\"1\"", 1)]
    [InlineData("""["1", "0"]""", "1", 1)]
    public void Gold_is_a_number_or_the_text_of_a_choice(string choices, string gold, int expected) =>
        Assert.Equal(expected, Assert.Single(TaskFile.Items(WithList(), Record(choices, gold))).Gold);

    [Theory]
    [InlineData("""["1", "0"]""", "\"1\"", "gold \"1\" is the number of choice 1 and the text of choice 0; give the choices labels, or gold as a number.")]
    [InlineData("""["x", "x"]""", "\"x\"", "gold \"x\" is the choice in places 0 and 1; it must be one.")]
    [InlineData("""["x", "y"]""", "2", "gold \"2\" was expected to be a choice's number, 0 to 1, or its text.")]
    [InlineData("""["x", "y"]""", "-1", "gold \"-1\" was expected to be a choice's number, 0 to 1, or its text.")]
    [InlineData("""["x", "y"]""", "\"X\"", "gold \"X\" was expected to be a choice's number, 0 to 1, or its text.")]
    [InlineData("""["x", "y"]""", "true", "field g was expected to be a text or a number; found true.")]
    [InlineData("""["x"]""", "0", "expected two choices or more; found 1.")]
    [InlineData("""["x", ""]""", "0", "choice 1 was expected to be a text; found nothing but white space.")]
    [InlineData("""[1, 2]""", "0", "field c was expected to be a list of texts; found [1, 2].")]
    public void Records_without_one_right_choice_are_refused(string choices, string gold, string expected) =>
        Assert.Equal("data.jsonl, line 1: " + expected, TaskFile.Refusal(WithList(), Record(choices, gold)));

    [Fact]
    public void A_gold_that_is_no_label_is_refused()
    {
        CustomTask task = Load($$$"""{{{{Quiz}}}, "choices": "{{c}}", "gold": "{{g}}", "labels": ["A", "B"]}""");
        Assert.Equal("data.jsonl, line 1: gold \"0\" was expected to be a label: A or B.", TaskFile.Refusal(task, Record("""["x", "y"]""", "0")));
        Assert.Equal(
            "data.jsonl, line 1: expected a label for each of 3 choices; found 2.", TaskFile.Refusal(task, Record("""["x", "y", "z"]""", "\"A\"")));
    }

    [Fact]
    public void A_cloze_task_has_a_context_and_a_continuation()
    {
        CustomTask task = Load("""{"name": "c", "kind": "cloze", "file": "d/c.jsonl", "context": "{{a}} is", "continuation": "{{b}}."}""");
        Assert.Equal(["c.jsonl"], task.FileNames);
        Assert.Null(task.Chance);
        Assert.Equal(new ContinuationRequest("Tea is", " hot."), TaskFile.Request(Assert.Single(TaskFile.Items(task, """{"a": "Tea", "b": "hot"}"""))));
    }

    [Fact]
    public void A_perplexity_task_has_a_text()
    {
        CustomTask task = Load("""{"name": "p", "kind": "perplexity", "file": "p.jsonl", "text": "{{a}} {{b}}"}""");
        EvaluationItem item = Assert.Single(TaskFile.Items(task, """{"a": "T\u00e9a", "b": "is hot"}"""));
        Assert.Equal(new RollingRequest("T\u00E9a is hot"), Assert.Single(item.Requests));
        Assert.Equal((3L, 11L), (item.Words, item.Bytes));
    }

    [Fact]
    public void Records_without_a_field_of_the_description_are_refused() => Assert.Equal(
        "data.jsonl, line 1: a record of quiz was expected to have the fields question, c and g; found question and c.",
        TaskFile.Refusal(WithList(), """{"question": "q", "c": ["x", "y"]}"""));

    [Theory]
    [InlineData("""{"name": "x", "kind": "cloze", "file": "f", "contxt": "a"}""", "key contxt is not known; the nearest known one is context, all are name,")]
    [InlineData("""{"kind": "cloze"}""", "key name is missing; found kind.")]
    [InlineData("""{"name": "x", "kind": "cloze"}""", "key file is missing; found name and kind.")]
    [InlineData("""{"name": "a b", "kind": "cloze", "file": "f"}""", "name was expected to be letters, digits, _, - and .; found \"a b\".")]
    [InlineData("""{"name": "piqa", "kind": "cloze", "file": "f"}""", "name was expected to be one that none of Palmyra's own tasks has; found \"piqa\".")]
    [InlineData("""{"name": "lambada", "kind": "cloze", "file": "f"}""", "name was expected to be one that none of Palmyra's own tasks has; found \"lambada\".")]
    [InlineData("""{"name": "x\ud800", "kind": "cloze", "file": "f"}""", "expected a JSON object that describes a task; expected text in valid Unicode; found half a surrogate pair")]
    [InlineData("""{"name": "x", "kind": "choice", "file": "f"}""", "kind was expected to be multiple_choice, cloze or perplexity; found \"choice\".")]
    [InlineData("""{"name": "x", "kind": "cloze", "file": "d/"}""", "file was expected to be the path of a file; found \"d/\".")]
    [InlineData("""{"name": "x", "kind": "cloze", "file": "a\u0000"}""", "file was expected to be the path of a file; found \"a\\u0000\".")]
    [InlineData("""{"name": "x", "kind": "cloze", "file": 5}""", "file was expected to be a text; found 5.")]
    [InlineData("""{"name": "x", "kind": "cloze", "file": "f", "gold": "a"}""", "a cloze task has no use for key gold; its keys are name, title, kind, file, context,")]
    [InlineData("""{"name": "x", "kind": "cloze", "file": "f", "context": "{{a", "continuation": "b"}""", "in context a placeholder is opened by {{ and not closed by }}.")]
    [InlineData("""{"name": "x", "kind": "cloze", "file": "f", "context": "{{a.split(' ')}}", "continuation": "b"}""", "in context {{a.split(' ')}} is not a placeholder, which holds the name of a field and no expression.")]
    [InlineData("""{"name": "x", "kind": "multiple_choice", "file": "f", "context": "", "choices": ["a"], "gold": "0"}""", "choices was expected to be a placeholder \"{{field}}\" whose field is a list, or a list of two texts or more; found [\"a\"].")]
    [InlineData("""{"name": "x", "kind": "multiple_choice", "file": "f", "context": "", "choices": "x{{a}}", "gold": "0"}""", "choices was expected to be a placeholder")]
    [InlineData("""{"name": "x", "kind": "multiple_choice", "file": "f", "context": "", "choices": "{{a}}", "gold": "0", "chance": 2}""", "chance was expected to be a number from 0 to 1; found 2.")]
    [InlineData("""{"name": "x", "name": "y"}""", "expected a JSON object that describes a task;")]
    [InlineData("[]", "expected a JSON object that describes a task; it is something else.")]
    [InlineData("", "expected a JSON object that describes a task;")]
    public void Wrong_descriptions_are_refused(string description, string expected) =>
        Assert.Contains("task.json: " + expected, Assert.Throws<EvaluationException>(() => Load(description)).Message);

    [Fact]
    public void An_absent_description_is_refused() =>
        Assert.Throws<EvaluationException>(() => CustomTask.Load(Path.Combine(Path.GetTempPath(), "palmyra-no-such-task.json")));

    /// <summary>A damaged description is read or refused; nothing else is thrown.</summary>
    [Fact]
    public void Random_damage_is_read_or_refused()
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(
            $$$"""{{{{Quiz}}}, "choices": ["{{a}}", "{{b}}"], "gold": "{{right}}", "labels": ["A", "B"], "delimiter": " ", "chance": 0.5}""");
        var random = new Random(2);
        using var folder = new TemporaryFolder();
        int refused = 0;
        for (int round = 0; round < 1000; round++)
        {
            byte[] damaged = [.. bytes];
            for (int i = random.Next(3); i >= 0; i--)
            {
                damaged[random.Next(damaged.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)"\"\\{}[]\n:,u0"[random.Next(11)];
            }

            File.WriteAllBytes(folder["task.json"], damaged);
            try
            {
                CustomTask.Load(folder["task.json"]);
            }
            catch (EvaluationException failure)
            {
                refused++;
                Assert.Contains("task.json", failure.Message);
            }
        }

        Assert.InRange(refused, 300, 999);
    }

    private static CustomTask WithList() => Load($$$"""{{{{Quiz}}}, "choices": "{{c}}", "gold": "{{g}}"}""");

    private static string Record(string choices, string gold) => $$"""{"question": "q", "c": {{choices}}, "g": {{gold}}}""";

    private static CustomTask Load(string description)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["task.json"], description);
        return CustomTask.Load(folder["task.json"]);
    }
}
