using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Cli.Tests;

/// <summary><c>palmyra eval</c> as a process, on ten items of our own for each task of the card's table.</summary>
public sealed class EvalTests : IDisposable
{
    private static readonly string Data = Fixtures.Path("evaluation");

    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-eval-").FullName;

    private string this[string name] => Path.Combine(_folder, name);

    [Fact]
    public void The_cards_table_is_printed_and_results_and_chart_are_written()
    {
        RunResult result = CommandLine.Run(
            "eval", "--data", Data, "--bootstrap", "1000", "--output", this["results.json"], "--chart", this["chart.svg"]);
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        Assert.StartsWith(
            "| Model | Public | Training FLOPs | LAMBADA PPL ↓ | LAMBADA Acc ↑ | Winogrande ↑ | HellaSwag ↑ | PIQA ↑ | Dataset Size (GB) |",
            result.Output,
            StringComparison.Ordinal);

        // 6 · 4,239,616 parameters · 7,325,696 tokens, which the model's README states.
        Assert.Contains("| storyteller | unknown | 1.9e14 |", result.Output, StringComparison.Ordinal);

        // Nothing is left beside the results.
        Assert.Equal(["chart.svg", "results.json"], Directory.GetFileSystemEntries(_folder).Select(path => Path.GetFileName(path)).Order());
        JsonElement model = Results(this["results.json"]).GetProperty("models")[0];
        Assert.Equal(
            ["lambada_openai", "winogrande", "hellaswag", "piqa"],
            model.GetProperty("tasks").EnumerateArray().Select(task => task.GetProperty("task").GetString()));
        Assert.Equal("valid-labels.lst", model.GetProperty("tasks")[3].GetProperty("data").GetProperty("beside")[0].GetProperty("name").GetString());
        Assert.Equal("svg", XDocument.Load(this["chart.svg"]).Root!.Name.LocalName);

        // Shown beside another run, and as JSON.
        JsonElement both = CommandLine.Run(
            "eval", "--data", Data, "--tasks", "winogrande", "--dtype", "f32", "--with", this["results.json"], "--json").JsonLines().Single();
        Assert.Equal(["f16", "f32"], both.GetProperty("models").EnumerateArray().Select(row => row.GetProperty("weights").GetString()));
    }

    [Fact]
    public void A_killed_run_continues_and_gives_the_same_results()
    {
        string[] arguments = ["eval", "--data", Data, "--tasks", "hellaswag", "--backend", "reference", "--output", this["killed.json"], "--keep-answers"];
        string journal = string.Empty;
        using (Process process = CommandLine.Start([.. arguments, "--batch-tokens", "1"]))
        {
            // Its first line has some 450 bytes, an item's answers some 130; the plain loops take long for ten.
            for (int i = 0; i < 600 && !process.HasExited && (journal.Length == 0 || new FileInfo(journal).Length < 800); i++)
            {
                Thread.Sleep(50);
                journal = !Directory.Exists(this["killed.json.answers"]) ? string.Empty
                    : Directory.GetFiles(this["killed.json.answers"], "storyteller-*.hellaswag.jsonl").SingleOrDefault() ?? string.Empty;
            }

            process.Kill();
            process.WaitForExit();
        }

        int answered = LinesOf(journal) - 1;
        Assert.InRange(answered, 2, 9);
        Assert.False(File.Exists(this["killed.json"]));
        string[] before = File.ReadAllLines(journal)[..(answered + 1)];

        Assert.Equal(0, CommandLine.Run([.. arguments, "--batch-tokens", "4096"]).ExitCode);
        Assert.Equal(before, File.ReadLines(journal).Take(answered + 1));
        Assert.Equal(11, LinesOf(journal));
        Assert.Equal(0, CommandLine.Run([.. arguments[..^3], "--output", this["whole.json"]]).ExitCode);
        Assert.Equal(WithoutRuns(this["whole.json"]), WithoutRuns(this["killed.json"]));
    }

    [Fact]
    public void A_journal_of_other_weights_is_refused_until_the_run_is_a_fresh_one()
    {
        string[] arguments = ["eval", "--data", Data, "--tasks", "winogrande", "--output", this["results.json"], "--keep-answers"];
        Assert.Equal(0, CommandLine.Run(arguments).ExitCode);
        CommandLine.Run([.. arguments, "--dtype", "q8"]).Refuses(1, "its where is cpu, F16 weights, this run's is cpu, Q8 weights");
        Assert.Equal(0, CommandLine.Run([.. arguments, "--dtype", "q8", "--fresh"]).ExitCode);
    }

    [Fact]
    public void Only_a_runs_own_answers_are_deleted()
    {
        Directory.CreateDirectory(this["results.json.answers"]);
        File.WriteAllText(Path.Combine(this["results.json.answers"], "notes.txt"), "precious");
        Assert.Equal(0, CommandLine.Run("eval", "--data", Data, "--tasks", "winogrande", "--output", this["results.json"], "--fresh").ExitCode);
        Assert.Equal(["notes.txt"], Directory.GetFiles(this["results.json.answers"]).Select(path => Path.GetFileName(path)));

        // While another run has the folder.
        using var held = new FileStream(Path.Combine(this["results.json.answers"], "lock"), FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        CommandLine.Run("eval", "--data", Data, "--tasks", "winogrande", "--output", this["results.json"]).Refuses(1, "another evaluation is writing");
    }

    [Fact]
    public void Two_models_of_one_name_are_told_apart_and_one_model_twice_is_refused()
    {
        string copy = Path.Combine(_folder, "copy", "storyteller");
        Assert.Equal(0, CommandLine.Run("quantize", "src/Palmyra.Storyteller/storyteller", copy).ExitCode);
        string[] arguments = ["eval", "src/Palmyra.Storyteller/storyteller", copy, "--data", Data, "--tasks", "winogrande"];
        RunResult result = CommandLine.Run([.. arguments, "--output", this["two.json"], "--train-tokens", "storyteller=1e6"]);
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(2, Results(this["two.json"]).GetProperty("models").GetArrayLength());
        CommandLine.Run(["eval", copy, copy, "--data", Data]).Refuses(2, "is named twice");
    }

    /// <summary>Nothing may take a night and then fail on what could be seen at once.</summary>
    [Fact]
    public void What_would_fail_at_the_end_fails_at_the_beginning()
    {
        string[] run = ["eval", "--data", Data, "--tasks", "lambada"];
        CommandLine.Run([.. run, "--output", this["no/such.json"]]).Refuses(2, "--output");
        CommandLine.Run([.. run, "--chart", this["no/such.svg"]]).Refuses(2, "--chart");
        CommandLine.Run([.. run, "--chart", _folder]).Refuses(2, "--chart");
        CommandLine.Run([.. run, "--output", this["a"], "--chart", this["a"]]).Refuses(2, "--chart would overwrite results");
        CommandLine.Run(["eval", "src/Palmyra.Storyteller/storyteller", Fixtures.Path("models/gptj"), "--data", Data]).Refuses(1, "tokenizer");
        CommandLine.Run(["eval", "--data", Data, "--tasks", "piqa,wikitext", "--num-fewshot", "1"]).Refuses(1, "scores whole texts");
        CommandLine.Run([.. run, "--train-tokens", "storytellr=1e6"]).Refuses(2, "which is no model of this run. Did you mean 'storyteller'?");
        CommandLine.Run([.. run, "--output", ""]).Refuses(2, "--output was expected to be a path; found an empty text.");
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void A_single_tasks_data_may_be_named_by_its_file()
    {
        string text = this["story.txt"];
        File.WriteAllText(text, "Once upon a time there was an old keeper of a lamp. He lit it every night.");
        JsonElement task = CommandLine.Run("eval", "--tasks", "text", "--data", text, "--json").JsonLines().Single()
            .GetProperty("models")[0].GetProperty("tasks")[0];
        Assert.Equal("word_perplexity", task.GetProperty("metrics")[0].GetProperty("name").GetString());
        CommandLine.Run("eval", "--tasks", "text,piqa", "--data", text).Refuses(2, "which serves one task");
    }

    [Fact]
    public void A_task_of_ones_own_needs_a_description_and_no_code()
    {
        File.WriteAllText(this["quiz.jsonl"], """
            {"q": "What burns in the lamp?", "a": "oil", "b": "water", "right": "A"}
            {"q": "What does the fox eat?", "a": "the moon", "b": "grapes", "right": "B"}

            """);
        File.WriteAllText(this["quiz.json"], """
            {"name": "quiz", "title": "Quiz", "kind": "multiple_choice", "file": "quiz.jsonl",
             "context": "Question: {{q}}\nAnswer:", "choices": ["{{a}}", "{{b}}"], "gold": "{{right}}", "labels": ["A", "B"]}
            """);
        JsonElement task = CommandLine.Run("eval", "--task-file", this["quiz.json"], "--num-fewshot", "1", "--json").JsonLines().Single()
            .GetProperty("models")[0].GetProperty("tasks")[0];
        Assert.Equal(("quiz", 2, 1), (task.GetProperty("task").GetString(), task.GetProperty("items").GetInt32(), task.GetProperty("few_shot").GetInt32()));
    }

    [Theory]
    [InlineData("'lambda' is no task. Did you mean 'lambada'?", "--tasks", "lambda")]
    [InlineData("The task 'piqa' is named twice.", "--tasks", "piqa,piqa")]
    [InlineData("lambada_openai needs its data: --data, the folder where", "--tasks", "lambada")]
    [InlineData("--limit was expected to be 1 or more; found 0.", "--limit", "0")]
    [InlineData("--limit was expected to be a whole number; found 'all'.", "--limit", "all")]
    [InlineData("--api-model is for --api, which is not given.", "--api-model", "m")]
    [InlineData("--api was expected to be an address such as", "--tasks", "lambada", "--data", "tests/Fixtures/evaluation", "--api", "here", "--api-model", "m")]
    [InlineData("--train-tokens was expected to be a positive number such as 402e9; found 'many'.", "--tasks", "piqa", "--data", "tests/Fixtures/evaluation", "--train-tokens", "many")]
    [InlineData("--fewshot-file is for --num-fewshot, which is not given.", "--tasks", "piqa", "--data", "tests/Fixtures/evaluation", "--fewshot-file", "piqa=x")]
    [InlineData("--fresh and --keep-answers are about what lies beside --output", "--fresh")]
    public void A_wrong_command_line_exits_with_2(string message, params string[] arguments) =>
        CommandLine.Run(["eval", .. arguments]).Refuses(2, message);

    [Fact]
    public void Bad_data_is_named_by_file_and_line_before_anything_is_computed()
    {
        Directory.CreateDirectory(this["data"]);
        string path = Path.Combine(this["data"], "lambada_test.jsonl");
        string good = File.ReadAllText(Path.Combine(Data, "lambada", "lambada_test.jsonl"));
        File.WriteAllText(path, good + "{\"text\": \"no end\n");
        Refused("lambada_test.jsonl, line 11");
        File.Copy(Path.Combine(Data, "piqa", "valid.jsonl"), path, overwrite: true);
        Refused("goal, sol1");
        File.Delete(path);
        Refused("no data of lambada_openai found");

        // LAMBADA itself repeats passages; other sets do not.
        string sentences = File.ReadAllText(Path.Combine(Data, "winogrande", "winogrande_xl_dev.jsonl"));
        File.WriteAllText(Path.Combine(this["data"], "winogrande_xl_dev.jsonl"), sentences + sentences.Split('\n')[3] + "\n");
        Refused("line 11", "winogrande");

        void Refused(string message, string task = "lambada") => CommandLine.Run("eval", "--tasks", task, "--data", this["data"]).Refuses(1, message);
    }

    [Fact]
    public void The_list_names_tasks_and_protocols()
    {
        RunResult result = CommandLine.Run("eval", "--list");
        Assert.Equal(0, result.ExitCode);
        Assert.All(["lambada_openai", "winogrande", "hellaswag", "piqa", "wikitext", "today", "2021", "mtj"], name =>
            Assert.Contains(name, result.Output, StringComparison.Ordinal));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static int LinesOf(string path) => File.ReadAllText(path).Count(letter => letter == '\n');

    private static JsonElement Results(string path) => JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(path));

    private static string WithoutRuns(string path)
    {
        JsonNode root = JsonNode.Parse(File.ReadAllBytes(path))!;
        foreach (JsonNode? task in root["models"]!.AsArray().SelectMany(model => model!["tasks"]!.AsArray()))
        {
            Assert.True(task!.AsObject().Remove("run"));
        }

        return root.ToJsonString();
    }
}
