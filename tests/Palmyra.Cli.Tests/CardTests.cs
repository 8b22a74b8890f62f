using System.Text.Json;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Cli.Tests;

public sealed class CardTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-card-").FullName;

    private string File(string name) => Path.Combine(_folder, name);

    [Fact]
    public void The_default_model_has_a_card()
    {
        RunResult result = CommandLine.Run("card", "--title", "Stories", "--language", "en", "--language", "de", "--dataset", "old books");
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        Assert.StartsWith("---\nlanguage:\n- en\n- de\nlicense: mit\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("\n# Stories\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("| training text | old books | the author |", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_is_replaced_only_by_force()
    {
        string path = File("README.md");
        RunResult first = CommandLine.Run("card", "--output", path);
        Assert.Equal((0, string.Empty, string.Empty), (first.ExitCode, first.Output, first.Error));
        string card = System.IO.File.ReadAllText(path);
        CommandLine.Run("card", "--license", "x", "--output", path).Refuses(2, "exists already");
        Assert.Equal(card, System.IO.File.ReadAllText(path));
        Assert.Equal(0, CommandLine.Run("card", "--license", "x", "--output", path, "--force").ExitCode);
        Assert.Contains("\nlicense: x\n", System.IO.File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_models_own_readme_keeps_the_keys_that_the_card_does_not_write()
    {
        string model = Directory.CreateDirectory(File("model")).FullName;
        System.IO.File.Copy(Fixtures.Path("models/gptj/config.json"), Path.Combine(model, "config.json"));
        string path = Path.Combine(model, "README.md");
        System.IO.File.WriteAllText(path, "---\nlicense: mit\nbase_model: a/b\nlibrary_name: transformers\npublic: true\n---\nText.\n");
        CommandLine.Run("card", model, "--output", path).Refuses(2, "to replace all of its text");
        Assert.Equal(0, CommandLine.Run("card", model, "--output", path, "--force").ExitCode);
        string card = System.IO.File.ReadAllText(path);
        Assert.StartsWith("---\nlicense: mit\nlibrary_name: transformers\n", card, StringComparison.Ordinal);
        Assert.Contains("\npublic: true\nbase_model: a/b\n---\n", card, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_refused_before_anything_else()
    {
        CommandLine.Run("card", "no-such-model", "--output", File("none/x.md")).Refuses(2, "there is no folder");
        CommandLine.Run("card", "no-such-model", "--output", _folder, "--force").Refuses(2, "is a folder");
        CommandLine.Run("card", "no-such-model", "--output", File(new string('x', 300))).Refuses(1, "the file cannot be written");
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Json_holds_the_facts()
    {
        JsonElement facts = CommandLine.Run("card", Fixtures.Path("models/gptj"), "--train-tokens", "1e6", "--json").JsonLines().Single();
        Assert.Equal("gptj", facts.GetProperty("name").GetString());
        Assert.Equal(1e6, facts.GetProperty("training_tokens").GetDouble());
        Assert.Equal(6e6 * facts.GetProperty("n_parameters").GetInt64(), facts.GetProperty("training_flops").GetDouble());
        Assert.False(facts.TryGetProperty("license", out _));
        Assert.NotEqual(0, facts.GetProperty("files").GetArrayLength());
    }

    [Fact]
    public void Results_are_taken_from_files()
    {
        System.IO.File.WriteAllText(File("r.json"), Results("storyteller"));
        RunResult result = CommandLine.Run("card", "--results", File("r.json"));
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        Assert.Contains("| storyteller | unknown | 1.9e14 | – | 12.50 % (unverified data) |", result.Output, StringComparison.Ordinal);
        Assert.Contains("      type: lambada_openai\n", result.Output, StringComparison.Ordinal);
        System.IO.File.WriteAllText(File("r.json"), Results("another"));
        CommandLine.Run("card", "--results", File("r.json")).Refuses(1, "results of 'storyteller' were expected; found another");
        System.IO.File.WriteAllText(File("r.json"), "{}");
        CommandLine.Run("card", "--results", File("r.json")).Refuses(1, "format is missing");
    }

    [Fact]
    public void Wrong_usage_is_refused_in_a_sentence()
    {
        CommandLine.Run("card", "--force").Refuses(2, "--force is for --output");
        CommandLine.Run("card", "--json", "--output", File("x")).Refuses(2, "--json writes to standard output");
        CommandLine.Run("card", "--train-tokens", "0").Refuses(2, "--train-tokens was expected to be a number of 1 or more; found 0");
        CommandLine.Run("card", "--train-tokens", "many").Refuses(2, "--train-tokens was expected to be a number; found 'many'");
        CommandLine.Run("card", "--split-regex", "x").Refuses(2, "--split-regex is for a word-level vocabulary");
        CommandLine.Run("card", "gpt-j-6b").Refuses(2, "a card needs the folder of a checkpoint");
        CommandLine.Run("card", "--license", "").Refuses(2, "--license was expected to be a text; found an empty text");
        CommandLine.Run("card", "--output", "").Refuses(2, "--output was expected to be a path");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Results(string model) =>
        $$"""
        {"format": "palmyra-evaluation/1", "models": [{"name": "{{model}}", "where": "cpu, F16 weights", "tasks": [{
          "task": "lambada_openai", "title": "LAMBADA", "protocol": "today", "few_shot": 0, "items": 8,
          "data": {"name": "a.jsonl", "sha256": "{{new string('0', 64)}}"}, "metrics": [{"name": "acc", "value": 0.125}]}]}]}
        """;
}
