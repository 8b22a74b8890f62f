using System.Text.Json;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Cli.Tests;

public sealed class QuantizeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-test-").FullName;

    private string Out => Path.Combine(_folder, "out");

    [Theory]
    [InlineData("q8", 0.002, 0.01)]
    [InlineData("q4", 0.03, 0.15)]
    public void A_model_is_written_opens_as_it_is_and_costs_what_is_said(string dtype, double least, double most)
    {
        string text = Path.Combine(_folder, "text.txt");
        File.WriteAllText(text, "Once upon a time there was a little fox.");
        JsonElement report = CommandLine.Run(
            "quantize", "src/Palmyra.Storyteller/storyteller", Out, "--dtype", dtype, "--text", text, "--backend", "reference", "--json").JsonLines().Single();
        Assert.Equal(dtype, report.GetProperty("dtype").GetString());
        JsonElement[] matrices = [.. report.GetProperty("matrices").EnumerateArray()];
        Assert.Equal((6 * 4) + 2, matrices.Length);
        Assert.All(matrices, matrix => Assert.InRange(matrix.GetProperty("relative_rms").GetDouble(), least, most));
        Assert.True(report.GetProperty("bytes_after").GetInt64() < 0.6 * report.GetProperty("bytes_before").GetInt64());
        Assert.Equal(new FileInfo(Path.Combine(Out, "model.safetensors")).Length, report.GetProperty("bytes_after").GetInt64());

        JsonElement score = CommandLine.Run("score", "--file", text, "--model", Out, "--backend", "reference", "--summary", "--json").JsonLines().Single();
        Assert.Equal(report.GetProperty("perplexity_after").GetDouble(), score.GetProperty("perplexity").GetDouble());
        Assert.NotEqual(report.GetProperty("perplexity_before").GetDouble(), score.GetProperty("perplexity").GetDouble());
        JsonElement card = CommandLine.Run("inspect", Out, "--json").JsonLines().Single();
        Assert.Contains(dtype.ToUpperInvariant(), card.GetProperty("stored_types").EnumerateArray().Select(type => type.GetString()));
    }

    [Fact]
    public void Without_a_text_sizes_and_errors_are_told()
    {
        RunResult result = CommandLine.Run("quantize", Fixtures.Path("models/gptj"), Out);
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        string[] lines = result.Output.ReplaceLineEndings("\n").Split('\n');
        Assert.Matches(@"^.*out: q8, [\d.]+ kB became [\d.]+ kB \(\d+ ?%\)$", lines[0]);
        Assert.Matches(@"^matrix +shape +relative error +largest difference$", lines[2]);
        Assert.Contains(lines, line => line.StartsWith("all ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_folder_that_holds_something_is_kept_unless_it_may_be_replaced()
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(Path.Combine(Out, "notes.txt"), "mine");
        CommandLine.Run("quantize", Fixtures.Path("models/gptj"), Out).Refuses(2, "is not empty; --overwrite replaces");
        Assert.Equal(["notes.txt"], Directory.GetFiles(Out).Select(file => Path.GetFileName(file)));
        Assert.Equal(0, CommandLine.Run("quantize", Fixtures.Path("models/gptj"), Out, "--overwrite").ExitCode);
        Assert.True(File.Exists(Path.Combine(Out, "notes.txt")));
        CommandLine.Run("quantize", Out, Out + "/", "--overwrite").Refuses(2, "is the model's own folder");
    }

    [Fact]
    public void Another_models_tokenizer_goes_with_it()
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(Path.Combine(Out, "tokenizer.json"), "another's");
        Assert.Equal(0, CommandLine.Run("quantize", Fixtures.Path("models/gptj"), Out, "--overwrite").ExitCode);
        Assert.False(File.Exists(Path.Combine(Out, "tokenizer.json")));
    }

    [Fact]
    public void A_word_level_vocabulary_is_split_as_told()
    {
        string model = Path.Combine(_folder, "words");
        Directory.CreateDirectory(model);
        foreach (string file in Directory.GetFiles(Fixtures.Path("models/gpt2"), "*model*").Append(Fixtures.Path("models/gpt2/config.json")))
        {
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(model, "tokenizer.json"), """{"model": {"type": "WordLevel", "vocab": {"C": 0, "Cl": 1, "O": 2}, "unk_token": "C"}}""");
        string text = Path.Combine(_folder, "text.txt");
        File.WriteAllText(text, "CClOCCl");
        string[] command = ["quantize", model, Out, "--text", text, "--overwrite", "--json"];
        CommandLine.Run(command).Refuses(1, "--split-regex");
        Assert.True(CommandLine.Run([.. command, "--split-regex", "Cl|."]).JsonLines().Single().GetProperty("perplexity_after").GetDouble() > 1);
    }

    [Fact]
    public void A_folder_that_is_no_model_leaves_nothing()
    {
        CommandLine.Run("quantize", Fixtures.Path("refused"), Out).Refuses(1, "config.json");
        Assert.False(Directory.Exists(Out));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
