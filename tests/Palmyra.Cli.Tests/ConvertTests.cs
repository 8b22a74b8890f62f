using System.Text.Json;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Cli.Tests;

/// <summary><c>convert</c> as a process: there and back, random weights, refusals.</summary>
public sealed class ConvertTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-convert-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("f32", "F32", "F32")]
    [InlineData("f16", "F16", "F16")]
    [InlineData("q8", "Q8_0", "F32")]
    [InlineData("q4", "Q4_0", "F32")]
    public void A_folder_goes_to_a_file_and_back(string dtype, string written, string read)
    {
        JsonElement there = CommandLine.Run("convert", Fixtures.Path("models/gpt2"), At("m.gguf"), "--dtype", dtype, "--json").JsonLines().Single();
        Assert.Equal(written, there.GetProperty("type").GetString());
        Assert.Equal(191_040, there.GetProperty("n_parameters").GetInt64());
        Assert.Equal(new FileInfo(At("m.gguf")).Length, there.GetProperty("bytes").GetInt64());
        Assert.False(there.GetProperty("has_tokenizer").GetBoolean());
        JsonElement back = CommandLine.Run("convert", At("m.gguf"), At("back"), "--json").JsonLines().Single();
        Assert.Equal(read, back.GetProperty("type").GetString());
        Assert.Equal(["config.json", "model.safetensors"], Directory.GetFiles(At("back")).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        if (dtype == "f32")
        {
            Assert.Equal(Greedy(Fixtures.Path("models/gpt2")), Greedy(At("back")));
        }
    }

    [Fact]
    public void A_preset_gets_random_weights_of_a_seed()
    {
        RunResult result = CommandLine.Run("convert", "gpt2", At("r.gguf"), "--random", "1", "--dtype", "q4");
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        Assert.Contains("148 tensors, 124,439,808 parameters as Q4_0", result.Output, StringComparison.Ordinal);
        Assert.Contains("with a made-up vocabulary", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_command_line_exits_with_2()
    {
        File.WriteAllText(At("x.gguf"), "GGUF");
        Directory.CreateDirectory(At("full"));
        File.WriteAllText(Path.Combine(At("full"), "note"), "mine");
        CommandLine.Run("convert", "a", "b").Refuses(2, "Neither 'a' nor 'b' ends in .gguf");
        CommandLine.Run("convert", "a.gguf", "b.gguf").Refuses(2, "Both 'a.gguf' and 'b.gguf' end in .gguf");
        CommandLine.Run("convert", At("x.gguf"), At("y"), "--random", "1").Refuses(2, "--random makes weights for a preset");
        CommandLine.Run("convert", At("x.gguf"), At("y"), "--dtype", "q8").Refuses(2, "--dtype is for writing .gguf");
        CommandLine.Run("convert", At("x.gguf"), At("full")).Refuses(2, "exists already; give a folder that is new or empty.");
        CommandLine.Run("convert", "gpt2", At("g.gguf")).Refuses(2, "--random SEED writes random ones");
        CommandLine.Run("convert", "gpt3", At("g.gguf"), "--random", "1").Refuses(2, "'gpt3' is no preset");
        CommandLine.Run("convert", "gpt2", At("g.gguf"), "--random", "-1").Refuses(2, "--random was expected to be a whole number of zero or more");
        CommandLine.Run("convert", "gpt2", At("g.gguf"), "--random", "1", "--dtype", "q5").Refuses(2, "--dtype was expected to be auto, f32, f16, q8 or q4; found 'q5'");
    }

    [Fact]
    public void What_cannot_be_converted_exits_with_1()
    {
        File.WriteAllText(At("x.gguf"), "GGUF");
        CommandLine.Run("convert", Fixtures.Path("models/gptj"), At("g.gguf")).Refuses(1, "only models of the gpt2 family");
        CommandLine.Run("convert", Fixtures.Path("models/gpt2-palmyra-small-style"), At("g.gguf")).Refuses(1, "activation_function is gelu;");
        CommandLine.Run("convert", "palmyra-small", At("g.gguf"), "--random", "1").Refuses(1, "activation_function is gelu;");
        CommandLine.Run("convert", At("x.gguf"), At("y")).Refuses(1, "begins with 'GGUF'");
        CommandLine.Run("score", "a b", "--model", At("x.gguf")).Refuses(1, "'palmyra convert' makes one of it");
        CommandLine.Run("convert", "gpt2", Path.Combine(At("nowhere"), "g.gguf"), "--random", "1").Refuses(1, "the file cannot be written");
        CommandLine.Run("convert", At("absent.gguf"), At("y")).Refuses(1, "absent.gguf: the file cannot be opened for reading: Could not find file");
        Assert.False(Directory.Exists(At("y")));
        Assert.False(File.Exists(At("g.gguf")));
    }

    [Fact]
    public void A_cached_model_of_a_presets_name_is_that_model()
    {
        const string Commit = "0123456789abcdef";
        string snapshot = Path.Combine(_folder, "models--gpt2", "snapshots", Commit);
        Directory.CreateDirectory(snapshot);
        Directory.CreateDirectory(At("models--gpt2/refs"));
        File.WriteAllText(At("models--gpt2/refs/main"), Commit);
        foreach (string file in Directory.GetFiles(Fixtures.Path("models/gpt2"), "*model*").Append(Fixtures.Path("models/gpt2/config.json")))
        {
            File.Copy(file, Path.Combine(snapshot, Path.GetFileName(file)));
        }

        RunResult there = CommandLine.RunWithCache(_folder, "convert", "gpt2", At("m.gguf"));
        Assert.Equal((0, string.Empty), (there.ExitCode, there.Error));
        Assert.Contains("191,040 parameters", there.Output, StringComparison.Ordinal);
        CommandLine.RunWithCache(_folder, "quantize", "gpt2", snapshot, "--overwrite").Refuses(2, "is the model's own folder, which would be lost");
        CommandLine.RunWithCache(_folder, "convert", "gpt2-xl", At("x.gguf")).Refuses(2, "--random SEED writes random ones");
    }

    private string At(string name) => Path.Combine(_folder, name);

    private static string Greedy(string model) => CommandLine.Run(
        "generate", "--model", model, "--prompt-ids", "3,9,200", "--do-sample", "false", "--max-new-tokens", "8", "--eos-token-id", "none", "--json")
        .JsonLines().Single().GetProperty("ids").ToString();
}
