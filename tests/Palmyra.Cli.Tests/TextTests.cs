using System.Diagnostics;
using System.Text.Json;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Cli.Tests;

/// <summary>The commands that read or write text, on the default model.</summary>
public sealed class TextTests
{
    private const string Prompt = "Once upon a time";

    [Fact]
    public void The_same_seed_gives_the_same_text_and_a_pipe_is_quiet()
    {
        RunResult first = CommandLine.Run("generate", Prompt, "--seed", "7", "--max-new-tokens", "40", "--threads", "1");
        RunResult second = CommandLine.RunWithInput(Prompt + "\n", "generate", "-", "--seed", "7", "--max-new-tokens", "40", "--threads", "2");
        RunResult other = CommandLine.RunWithInput(Prompt, "generate", "--seed", "8", "--max-new-tokens", "40", "--no-echo");
        Assert.Equal((0, string.Empty), (first.ExitCode, first.Error));
        Assert.StartsWith(Prompt, first.Output, StringComparison.Ordinal);
        Assert.True(first.Output.Length > Prompt.Length + 20, first.Output);
        Assert.Equal(first, second);
        Assert.False(other.Output.StartsWith(Prompt, StringComparison.Ordinal));
        Assert.NotEqual(first.Output, Prompt + other.Output);
    }

    [Fact]
    public void The_recorded_greedy_text_comes_out()
    {
        using JsonDocument recorded = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("storyteller/expected.json")));
        JsonElement run = recorded.RootElement.GetProperty("generation")[0];
        RunResult result = CommandLine.Run(
            "generate", Prompt, "--do-sample", "false", "--repetition-penalty", "1.2", "--max-new-tokens", "60", "--eos-token-id", "none");
        Assert.Equal(run.GetProperty("text").GetString() + "\n", result.Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Beams_come_best_first_with_their_scores()
    {
        using JsonDocument recorded = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("models/gpt2/expected.json")));
        JsonElement run = recorded.RootElement.GetProperty("generation").EnumerateArray().Single(item => item.GetProperty("name").GetString() == "beam-4");
        string ids = string.Join(',', run.GetProperty("input_ids").EnumerateArray());
        JsonElement[] beams = CommandLine.Run(
            "generate", "--model", Fixtures.Path("models/gpt2"), "--prompt-ids", ids, "--num-beams", "4", "--num-return-sequences", "4",
            "--max-new-tokens", "16", "--eos-token-id", "224", "--do-sample", "false", "--json").JsonLines();
        JsonElement scores = run.GetProperty("sequences_scores");
        Assert.Equal(4, beams.Length);
        for (int i = 0; i < beams.Length; i++)
        {
            Assert.Equal(scores[i].GetDouble(), beams[i].GetProperty("score").GetDouble(), 1e-4);
            int[] tokens = [.. beams[i].GetProperty("prompt_ids").EnumerateArray().Concat(beams[i].GetProperty("ids").EnumerateArray()).Select(id => id.GetInt32())];
            int[] expected = [.. run.GetProperty("sequences")[i].EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(expected.Take(tokens.Length), tokens);
        }
    }

    [Fact]
    public void Generation_as_JSON_holds_what_repeats_it()
    {
        JsonElement sequence = CommandLine.Run("generate", Prompt, "--max-new-tokens", "5", "--json", "--top-log-probs", "2").JsonLines().Single();
        Assert.Equal(Prompt, sequence.GetProperty("prompt").GetString());
        Assert.True(sequence.GetProperty("seed").TryGetUInt64(out _));
        Assert.Equal("length", sequence.GetProperty("finish_reason").GetString());
        Assert.Equal(5, sequence.GetProperty("ids").GetArrayLength());
        Assert.Equal(5, sequence.GetProperty("log_probs").GetArrayLength());
        Assert.Equal(5, sequence.GetProperty("top_log_probs").GetArrayLength());
    }

    [Theory]
    [InlineData("f16", 1e-2)]
    [InlineData("q8", 0.1)]
    public void A_rounding_cache_changes_log_probabilities_a_little(string cache, double most)
    {
        string[] arguments = ["generate", Prompt, "--do-sample", "false", "--max-new-tokens", "20", "--json"];
        double[] exact = LogProbabilities(arguments);
        double[] rounded = LogProbabilities([.. arguments, "--cache-dtype", cache]);
        Assert.NotEqual(exact, rounded);
        Assert.Equal(exact[0], rounded[0], most);

        static double[] LogProbabilities(string[] arguments) =>
            [.. CommandLine.Run(arguments).JsonLines().Single().GetProperty("log_probs").EnumerateArray().Select(value => value.GetDouble())];
    }

    [Fact]
    public void Tokenize_and_back()
    {
        JsonElement[] lines = CommandLine.RunWithInput("Once upon a time\né!\n", "tokenize", "--json").JsonLines();
        Assert.Equal(2, lines.Length);
        Assert.Equal([2566, 500, 258, 556], lines[0].GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal(lines[0].GetProperty("ids").GetArrayLength(), lines[0].GetProperty("offsets").GetArrayLength());
        RunResult text = CommandLine.Run("tokenize", "--decode", "2566,500 258 556");
        Assert.Equal("Once upon a time\n", text.Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Scores_are_the_recorded_log_probabilities()
    {
        using JsonDocument recorded = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("storyteller/expected.json")));
        JsonElement prompt = recorded.RootElement.GetProperty("prompts")[0];
        JsonElement score = CommandLine.Run("score", prompt.GetProperty("text").GetString()!, "--json").JsonLines().Single();
        double[] expected = [.. prompt.GetProperty("token_logprobs").EnumerateArray().Select(value => value.GetDouble())];
        double[] found = [.. score.GetProperty("scores").EnumerateArray().Select(token => token.GetProperty("log_prob").GetDouble())];
        Assert.Equal(expected.Length, found.Length);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 2e-4));
        Assert.Equal(-prompt.GetProperty("loss").GetDouble(), score.GetProperty("mean").GetDouble(), 2e-4);
        Assert.Equal(Math.Exp(prompt.GetProperty("loss").GetDouble()), score.GetProperty("perplexity").GetDouble(), 1e-2);
    }

    [Fact]
    public void Embeddings_pool_the_tokens()
    {
        JsonElement[] pooled = CommandLine.Run("embed", Prompt, "The end.", "--json", "--normalize").JsonLines();
        Assert.Equal(2, pooled.Length);
        double[] unit = [.. pooled[0].GetProperty("embedding").EnumerateArray().Select(value => value.GetDouble())];
        Assert.Equal(192, unit.Length);
        Assert.Equal(1, unit.Sum(value => value * value), 1e-5);

        string[] rows = CommandLine.Run("embed", Prompt, "--pooling", "none").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, rows.Length);
        double[] mean = new double[192];
        foreach (string row in rows)
        {
            string[] cells = row.TrimEnd('\r').Split(' ');
            Assert.Equal(192, cells.Length);
            for (int i = 0; i < mean.Length; i++)
            {
                mean[i] += double.Parse(cells[i], System.Globalization.CultureInfo.InvariantCulture) / rows.Length;
            }
        }

        double length = Math.Sqrt(mean.Sum(value => value * value));
        Assert.All(mean.Zip(unit), pair => Assert.Equal(pair.First / length, pair.Second, 1e-5));
    }

    [Fact]
    public void Bench_reports_rates_and_shares()
    {
        JsonElement report = CommandLine.Run(
            "bench", "--prompt-tokens", "32", "--decode-tokens", "8", "--threads", "1", "--cache-dtype", "f16", "--json").JsonLines().Single();
        Assert.Equal("storyteller", report.GetProperty("model").GetString());
        Assert.Equal("f16", report.GetProperty("cache_dtype").GetString());
        Assert.Equal(5, report.GetProperty("rounds").GetArrayLength());
        Assert.All(
            ["prefill_tokens_per_second", "decode_tokens_per_second", "bandwidth_gb_per_second", "peak_gflop_per_second", "load_seconds"],
            name => Assert.True(report.GetProperty(name).GetDouble() > 0, name));

        // 32 tokens in prefill_seconds, by the definition of the rate.
        double[] rates = [.. report.GetProperty("rounds").EnumerateArray().Select(round => 32 / round.GetProperty("prefill_seconds").GetDouble()).Order()];
        Assert.Equal(rates[2], report.GetProperty("prefill_tokens_per_second").GetDouble(), 1e-6 * rates[2]);
        Assert.InRange(report.GetProperty("prefill_share_of_peak").GetDouble(), 0, 1.5);
        Assert.Equal("one thread reads from memory", report.GetProperty("bandwidth_is_what").GetString());
        Assert.False(report.TryGetProperty("steps", out _));
    }

    [SkippableFact]
    public void A_word_level_vocabulary_is_told_how_to_split()
    {
        string? folder = SharedData.PathOrNull("checkpoints/chemts-gpt2-zinc/gpt2_0.2m");
        Skip.If(folder is null, "the molecule model is not beside the repository (shared/checkpoints/chemts-gpt2-zinc)");
        const string Molecule = "CC(C)(C)c1ccc2occ(CC(=O)Nc3ccccc3F)c2c1";
        CommandLine.Run("score", Molecule, "--model", folder).Refuses(1, "--split-regex");
        JsonElement score = CommandLine.Run(
            "score", Molecule, "--model", folder, "--split-regex", @"(\[[^\]]+\]|Br|Cl|%\d\d|.)", "--summary", "--json").JsonLines().Single();
        Assert.Equal(-0.6662, score.GetProperty("mean").GetDouble(), 1e-4);

        // The files put an end token after every text; the one to be continued goes without.
        JsonElement text = CommandLine.Run(
            "generate", "CC", "--model", folder, "--split-regex", @"(\[[^\]]+\]|Br|Cl|%\d\d|.)", "--json").JsonLines().Single();
        Assert.Equal([13, 17, 17], text.GetProperty("prompt_ids").EnumerateArray().Select(id => id.GetInt32()));
    }

    [SkippableFact]
    public void Ctrl_C_exits_with_130()
    {
        Skip.If(OperatingSystem.IsWindows(), "signals are sent with kill");
        using Process process = CommandLine.Start("generate", Prompt, "--max-new-tokens", "100000", "--context-overflow", "sliding-window", "--eos-token-id", "none");
        process.StandardInput.Close();
        var buffer = new char[Prompt.Length + 8];
        Assert.Equal(buffer.Length, process.StandardOutput.ReadBlock(buffer));
        Assert.Equal(0, Kill(process.Id, Interrupt));
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)));
        Assert.Equal(130, process.ExitCode);
        Assert.Equal("palmyra: Cancelled.", error.Trim());
        Assert.EndsWith("\n", output.GetAwaiter().GetResult(), StringComparison.Ordinal);
    }

    private const int Interrupt = 2;

    private static int Kill(int id, int signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{id}"]);
        kill.WaitForExit();
        return kill.ExitCode;
    }
}
