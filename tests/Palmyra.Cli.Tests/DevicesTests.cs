using System.Text.Json;
using Palmyra.Gpu.Driver;
using Palmyra.Testing;

namespace Palmyra.Cli.Tests;

/// <summary><c>devices</c>, and what --backend makes of what is found. What needs a machine without a GPU skips on others.</summary>
public sealed class DevicesTests : IDisposable
{
    private static readonly GpuDevices Here = GpuDevices.Find();

    private const string Storyteller = "src/Palmyra.Storyteller/storyteller";

    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-devices-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_processor_and_every_gpu_are_listed_as_json()
    {
        JsonElement devices = CommandLine.Run("devices", "--json").JsonLines().Single();
        JsonElement cpu = devices.GetProperty("cpu");
        Assert.Equal(Environment.ProcessorCount, cpu.GetProperty("threads").GetInt32());
        Assert.Contains(cpu.GetProperty("vector_bits").GetInt32(), new[] { 32, 128, 256, 512 });
        Assert.True(cpu.GetProperty("memory_bytes").GetInt64() > 0);

        // As many as there are, and none that stands for none.
        JsonElement[] gpus = [.. devices.GetProperty("gpus").EnumerateArray()];
        Assert.Equal(Here.Found.Select(gpu => gpu.Index), gpus.Select(gpu => gpu.GetProperty("index").GetInt32()));
        Assert.Equal(Here.Found.Select(gpu => gpu.Refusal), gpus.Select(gpu => gpu.GetProperty("refusal").GetString()));
        Assert.Equal(Here.Found.Select(gpu => gpu.Refusal is null), gpus.Select(gpu => gpu.GetProperty("usable").GetBoolean()));
        Assert.Equal(Here.FirstUsable is null ? Here.WhyNone : null, devices.GetProperty("why_no_gpu").GetString());
    }

    [SkippableFact]
    public void The_folder_of_compiled_kernels_is_told_and_why_it_is_not_used()
    {
        string folder = Path.Combine(_folder, "palmyra", "ptx");
        JsonElement cache = Cache();
        Skip.If(cache.GetProperty("folder").GetString() != folder, "the environment of this system does not say where application data goes");
        Assert.Equal((0, JsonValueKind.Null), (cache.GetProperty("kernels").GetInt32(), cache.GetProperty("why_none_is_added").ValueKind));
        MakePrivate(folder);
        File.WriteAllText(Path.Combine(folder, "a.ptx"), "12345");
        Assert.Equal((1, 5), (Cache().GetProperty("kernels").GetInt32(), Cache().GetProperty("bytes").GetInt32()));
        Assert.Contains($"Compiled kernels are kept in {folder}: 1 now, 5 B.", CommandLine.RunWithData(_folder, "devices").Output, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.OtherWrite);
            Assert.Contains("is open to other users", Cache().GetProperty("why_none_is_added").GetString(), StringComparison.Ordinal);
            Assert.Contains("Compiled kernels are not kept. The folder", CommandLine.RunWithData(_folder, "devices").Output, StringComparison.Ordinal);
        }

        // One that cannot be made is no folder to say "kept in" of.
        Directory.Delete(Path.Combine(_folder, "palmyra"), recursive: true);
        File.WriteAllText(Path.Combine(_folder, "palmyra"), "a file");
        Assert.Contains("cannot be written", Cache().GetProperty("why_none_is_added").GetString(), StringComparison.Ordinal);
        Assert.Contains("Compiled kernels are not kept. The folder", CommandLine.RunWithData(_folder, "devices").Output, StringComparison.Ordinal);

        JsonElement Cache() => CommandLine.RunWithData(_folder, "devices", "--json").JsonLines().Single().GetProperty("kernel_cache");
    }

    private string WriteText()
    {
        string file = Path.Combine(_folder, "text.txt");
        File.WriteAllText(file, "Once upon a time there was a little fox.");
        return file;
    }

    private static void MakePrivate(string folder)
    {
        Directory.CreateDirectory(folder);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void The_processor_comes_first_and_refusals_last()
    {
        RunResult result = CommandLine.Run("devices");
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches(@"^cpu +cpu \(.+\), [0-9.]+ [kMGT]?B +can be used$", lines[0]);
        if (Here.WhyNone.Length > 0)
        {
            Assert.Equal(Here.WhyNone, lines[^1]);
        }
    }

    [SkippableFact]
    public void A_gpu_that_is_not_there_is_refused_with_the_reason()
    {
        Skip.IfNot(Here.FirstUsable is null, "this machine has a GPU");
        string[][] commands =
        [
            ["generate", "Once upon a time"], ["score", "Once upon a time"], ["embed", "Once upon a time"],
            ["verify", Fixtures.Path("models/gpt2")], ["bench"], ["bench", "--preset", "gpt-j-6b"],
            ["eval", "--data", Fixtures.Path("evaluation"), "--tasks", "hellaswag"],
        ];
        foreach (string[] command in commands)
        {
            CommandLine.Run([.. command, "--backend", "gpu"]).Refuses(1, $"--backend gpu cannot be used. {Here.WhyNone} See 'palmyra devices'.");
        }

        string text = WriteText();
        string written = Path.Combine(_folder, "q8");
        CommandLine.Run("quantize", Storyteller, written, "--text", text, "--backend", "gpu").Refuses(1, "--backend gpu cannot be used.");
        Assert.False(Directory.Exists(written));
        Assert.Null(Here.Choose(1, out string? why));
        CommandLine.Run("score", "Once upon a time", "--backend", "gpu:1").Refuses(1, $"--backend gpu:1 cannot be used. {why} See 'palmyra devices'.");
    }

    [SkippableFact]
    public void A_number_that_no_gpu_has_is_refused_and_those_that_can_be_used_are_named()
    {
        Skip.If(Here.FirstUsable is null, "this machine has no GPU");
        CommandLine.Run("score", "Once upon a time", "--backend", "gpu:1000").Refuses(1, $"There is no GPU 1000; GPU {Here.FirstUsable!.Index}");
    }

    [SkippableTheory]
    [InlineData("gpu")]
    [InlineData("auto")]
    public void A_folders_own_faults_are_told_before_the_devices(string backend)
    {
        Skip.IfNot(Here.FirstUsable is null, "this machine has a GPU");
        foreach (string[] command in (string[][])[["generate", "a", "--model"], ["score", "a b", "--model"], ["embed", "a", "--model"], ["bench"], ["verify"]])
        {
            CommandLine.Run([.. command, "nobody/nothing", "--backend", backend]).Refuses(1, "nobody/nothing");
        }

        CommandLine.Run("generate", "a", "--model", Fixtures.Path("refused"), "--backend", backend).Refuses(1, "config.json");
        CommandLine.Run("generate", "a", "--model", "gpt-j-6b", "--backend", backend).Refuses(2, "names a preset, which has a shape but no weights");
        string config = Path.Combine(_folder, "config.json");
        File.Copy(Fixtures.Path("models/gpt2/config.json"), config);
        CommandLine.Run("generate", "a", "--model", _folder, "--backend", backend).Refuses(1, "the folder has no weights");
        File.WriteAllText(config, """{"model_type": "llama"}""");
        CommandLine.Run("generate", "a", "--model", _folder, "--backend", backend).Refuses(1, "llama");

        // What bench can do without it does not look at; without a GPU "gpu" would have been refused first.
        string damaged = Path.Combine(_folder, "damaged");
        Directory.CreateDirectory(damaged);
        foreach (string file in Directory.GetFiles(Path.Combine(Fixtures.RepositoryRoot, Storyteller)))
        {
            File.Copy(file, Path.Combine(damaged, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(damaged, "generation_config.json"), "[");
        CommandLine.Run("generate", "a", "--model", damaged, "--backend", backend).Refuses(1, "generation_config.json");
        File.Delete(Path.Combine(damaged, "generation_config.json"));
        File.WriteAllText(Path.Combine(damaged, "tokenizer.json"), "{");
        foreach (string[] command in (string[][])[["generate", "a"], ["score", "a b"], ["embed", "a"]])
        {
            CommandLine.Run([.. command, "--model", damaged, "--backend", backend]).Refuses(1, "tokenizer.json");
        }

        CommandLine.Run("bench", Storyteller, "--backend", backend, "--prompt-tokens", "500", "--decode-tokens", "100").Refuses(2, "at most 512 together");
    }

    [SkippableFact]
    public void Auto_is_the_cpu_where_there_is_no_gpu()
    {
        Skip.IfNot(Here.FirstUsable is null, "this machine has a GPU");
        string[][] commands =
        [
            ["generate", "Once upon a time", "--max-new-tokens", "4", "--seed", "1", "--json"],
            ["score", "Once upon a time", "--json"],
            ["embed", "Once upon a time", "--json"],
            ["eval", "--data", Fixtures.Path("evaluation"), "--tasks", "winogrande", "--bootstrap", "10"],
            ["verify", Fixtures.Path("models/gpt2"), "--json"],
        ];
        foreach (string[] command in commands)
        {
            // Not only the processor: its bits, too.
            RunResult auto = CommandLine.Run([.. command, "--backend", "auto", "--threads", "1"]);
            Assert.Equal((0, string.Empty), (auto.ExitCode, auto.Error));
            Assert.Equal(CommandLine.Run([.. command, "--threads", "1"]).Output, auto.Output);
        }

        string[] quantized =
        [
            .. ((string[])["auto", "cpu"]).Select(backend => CommandLine.Run(
                "quantize", Storyteller, Path.Combine(_folder, "q8"), "--text", WriteText(), "--overwrite", "--backend", backend, "--threads", "1").Output),
        ];
        Assert.Contains("perplexity", quantized[0], StringComparison.Ordinal);
        Assert.Equal(quantized[1], quantized[0]);

        // Those that say what ran.
        string[][] telling =
        [
            ["verify", Fixtures.Path("models/gpt2")],
            ["generate", "Once upon a time", "--max-new-tokens", "1"],
            ["score", "Once upon a time"],
            ["embed", "Once upon a time"],
            ["bench", "--prompt-tokens", "4", "--decode-tokens", "2"],
            ["bench", "--preset", "gpt2", "--dtype", "q4", "--prompt-tokens", "4", "--decode-tokens", "2"],
        ];
        foreach (string[] command in telling)
        {
            JsonElement report = CommandLine.Run([.. command, "--backend", "auto", "--threads", "1", "--json"]).JsonLines().Single();
            Assert.Matches(@"^cpu \(.+, 1 thread\)$", report.GetProperty("backend").GetString());
            Assert.False(report.TryGetProperty("steps", out _));
        }
    }
}
