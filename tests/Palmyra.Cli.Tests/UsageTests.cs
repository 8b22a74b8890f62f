using Palmyra.Testing;
using Xunit;

namespace Palmyra.Cli.Tests;

/// <summary>Wrong command lines and wrong files: exit code, one sentence, nothing on stdout.</summary>
public sealed class UsageTests
{
    [Theory]
    [InlineData("A command is missing: generate, embed, tokenize, score, inspect, convert, verify, eval, bench, quantize, card, devices.")]
    [InlineData("'inspct' is unknown here. Did you mean 'inspect'?", "inspct")]
    [InlineData("'--jsn' is no option of this command. Did you mean '--json'?", "inspect", "--jsn")]
    [InlineData("Did you mean 'gpt-j-6b'?", "inspect", "gpt-j6b")]
    [InlineData("Did you mean 'palmyra-small'?", "bench", "--preset", "palmyra-smal")]
    [InlineData("megatron-11b cannot be run.", "bench", "--preset", "megatron-11b")]
    [InlineData("names a preset, which has a shape but no weights", "generate", "a", "--model", "palmyra-small")]
    [InlineData("--threads is for the cpu backend", "generate", "a", "--backend", "reference", "--threads", "2")]
    [InlineData("--dtype was expected to be auto, f32, f16, bf16, q8 or q4; found 'f64'.", "generate", "a", "--dtype", "f64")]
    [InlineData("--cache-dtype was expected to be f32, f16 or q8; found 'f8'.", "generate", "a", "--cache-dtype", "f8")]
    [InlineData("--cache-dtype has no effect where no cache is used.", "generate", "a", "--use-cache", "false", "--cache-dtype", "q8")]
    [InlineData("--top-k was expected to be a whole number; found 'many'.", "generate", "a", "--top-k", "many")]
    [InlineData("--early-stopping was expected to be false, true or never; found 'nevr'. Did you mean 'never'?", "generate", "a", "--early-stopping", "nevr")]
    [InlineData("--threads is for the cpu backend", "generate", "a", "--backend", "gpu", "--threads", "2")]
    [InlineData("--backend was expected to be cpu, gpu, gpu:N, auto or reference; found 'tpu'. See 'palmyra generate", "generate", "a", "--backend", "tpu")]
    [InlineData("found 'gpu:'. N is a GPU's number, which 'palmyra devices' tells. See 'palmyra generate", "generate", "a", "--backend", "gpu:")]
    [InlineData("found 'gpu:N'. N is a GPU's number, which 'palmyra devices' tells. See", "generate", "a", "--backend", "gpu:N")]
    [InlineData("found 'gpu:-1'. N is a GPU's number, which 'palmyra devices' tells. See", "bench", "--backend", "gpu:-1")]
    [InlineData("found 'gpu:99999999999'. N is a GPU's number, which 'palmyra devices' tells. See", "score", "a b", "--backend", "gpu:99999999999")]
    [InlineData("found 'gpu: 1'. Did you mean 'gpu:1'? See 'palmyra bench", "bench", "--backend", "gpu: 1")]
    [InlineData("found 'GPU:0'. Did you mean 'gpu:0'? See", "bench", "--backend", "GPU:0")]
    [InlineData("found 'gpu0'. Did you mean 'gpu:0'? See", "bench", "--backend", "gpu0")]
    [InlineData("found 'GPU'. Did you mean 'gpu'? See", "bench", "--backend", "GPU")]
    [InlineData("found 'referense'. Did you mean 'reference'? See", "bench", "--backend", "referense")]
    [InlineData("--threads is for the cpu backend; found --backend gpu:1.", "generate", "a", "--backend", "gpu:1", "--threads", "2")]
    [InlineData("Give the prompt as text or by --prompt-ids, not both.", "generate", "a", "--prompt-ids", "1")]
    [InlineData("--prompt-ids holds 4096; the model's ids are 0 to 4095.", "generate", "--prompt-ids", "1,4096")]
    [InlineData("--prompt-ids was expected to be token ids such as 15496,995; found 'x'.", "generate", "--prompt-ids", "1,x")]
    [InlineData("--temperature has no effect", "generate", "a", "--do-sample", "false", "--temperature", "0.5")]
    [InlineData("temperature was expected to be a positive number; found 0", "generate", "a", "--temperature", "0")]
    [InlineData("num_return_sequences = 3 is more than num_beams = 2", "generate", "a", "--num-beams", "2", "--num-return-sequences", "3")]
    [InlineData("--normalize divides one vector a text", "embed", "a", "--pooling", "none", "--normalize")]
    [InlineData("--window was expected to be 2 to 512; found 513.", "score", "Once upon", "--window", "513")]
    [InlineData("Give one thing to score; found TEXT and --ids.", "score", "Once upon", "--ids", "1,2")]
    [InlineData("--dtype was expected to be q8 or q4; found 'f16'.", "quantize", "a", "b", "--dtype", "f16")]
    [InlineData("--backend, --threads and --split-regex are for scoring --text.", "quantize", "a", "b", "--threads", "2")]
    [InlineData("--backend, --threads and --split-regex are for scoring --text.", "quantize", "a", "b", "--split-regex", ".")]
    [InlineData("names a preset, which has a shape but no weights", "quantize", "palmyra-small", "b")]
    [InlineData("FOLDER was expected to be a path; found an empty text. See 'palmyra quantize --help'.", "quantize", "", "b")]
    [InlineData("OUT was expected to be a path; found an empty text.", "quantize", "a", "")]
    [InlineData("SOURCE was expected to be a path; found an empty text.", "convert", "", "x.gguf")]
    [InlineData("TARGET was expected to be a path; found an empty text.", "convert", "x.gguf", " ")]
    [InlineData("MODEL was expected to be a path; found an empty text.", "inspect", "")]
    [InlineData("MODEL was expected to be a path; found an empty text.", "bench", "")]
    [InlineData("FOLDER was expected to be a path; found an empty text.", "verify", "")]
    [InlineData("--model was expected to be a path; found an empty text.", "generate", "a", "--model", "")]
    [InlineData("megatron-11b cannot be run. Counted, not run:", "inspect", "megatron-11b", "--memory")]
    [InlineData("--dtype is for --memory; the card lists every format.", "inspect", "gpt2", "--dtype", "q8")]
    [InlineData("Give --list or --memory, not both.", "inspect", "gpt2", "--list", "--memory")]
    [InlineData("at most 512 together", "bench", "--prompt-tokens", "500", "--decode-tokens", "100")]
    public void A_wrong_command_line_exits_with_2(string message, params string[] arguments) =>
        CommandLine.Run(arguments).Refuses(2, message);

    [Fact]
    public void What_is_completed_is_accepted()
    {
        RunResult completed = CommandLine.Run("[suggest:21]", "generate a --backend ");
        Assert.Equal((0, string.Empty), (completed.ExitCode, completed.Error));
        string[] words = completed.Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["auto", "cpu", "gpu", "reference"], words.Where(word => !word.StartsWith('-')).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_folder_that_is_no_model_exits_with_1() =>
        CommandLine.Run("generate", "a", "--model", Fixtures.Path("refused")).Refuses(1, "config.json");

    // The largest preset needs 700 GB as f32.
    [Fact]
    public void A_model_larger_than_the_memory_exits_with_1() => CommandLine.Run("bench", "--preset", "gpt3-175b")
        .Refuses(1, "Choose a smaller preset or a narrower --dtype.");

    [Fact]
    public void A_model_that_is_nowhere_exits_with_1() =>
        CommandLine.Run("score", "a b", "--model", "nobody/nothing").Refuses(1, "nobody/nothing");

    [Fact]
    public void A_file_that_is_absent_exits_with_1() =>
        CommandLine.Run("generate", "--file", "no-such-file.txt").Refuses(1, "no-such-file.txt");

    [Fact]
    public void Help_is_a_result()
    {
        RunResult help = CommandLine.Run("generate", "--help");
        Assert.Equal((0, string.Empty), (help.ExitCode, help.Error));
        Assert.Contains("--max-new-tokens", help.Output, StringComparison.Ordinal);
        Assert.Contains("--no-repeat-ngram-size", help.Output, StringComparison.Ordinal);
    }
}
