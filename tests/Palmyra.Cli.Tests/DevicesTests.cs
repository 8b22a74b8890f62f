using System.Text.Json;
using Palmyra.Gpu.Driver;
using Palmyra.Testing;

namespace Palmyra.Cli.Tests;

/// <summary><c>devices</c>, and what --backend makes of what is found. What needs a machine without a GPU skips on others.</summary>
public sealed class DevicesTests
{
    private static readonly GpuDevices Here = GpuDevices.Find();

    [Fact]
    public void The_processor_and_every_gpu_are_listed_as_json()
    {
        JsonElement[] devices = CommandLine.Run("devices", "--json").JsonLines();
        Assert.Equal("cpu", devices[0].GetProperty("device").GetString());
        Assert.True(devices[0].GetProperty("usable").GetBoolean());
        Assert.Equal(Environment.ProcessorCount, devices[0].GetProperty("threads").GetInt32());
        Assert.Contains(devices[0].GetProperty("vector_bits").GetInt32(), new[] { 32, 128, 256, 512 });
        Assert.True(devices[0].GetProperty("memory_bytes").GetInt64() > 0);
        Assert.Equal(Math.Max(1, Here.Found.Count), devices.Length - 1);
        Assert.All(devices[1..], gpu =>
        {
            Assert.Equal("gpu", gpu.GetProperty("device").GetString());
            Assert.Equal(!gpu.GetProperty("usable").GetBoolean(), gpu.TryGetProperty("refusal", out JsonElement refusal) && refusal.GetString()!.Length > 0);
        });
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
            CommandLine.Run([.. command, "--backend", "gpu"]).Refuses(1, $"--backend gpu finds no GPU to use: {Here.WhyNone} See 'palmyra devices'.");
        }
    }

    [SkippableFact]
    public void Auto_is_the_cpu_where_there_is_no_gpu()
    {
        Skip.IfNot(Here.FirstUsable is null, "this machine has a GPU");
        JsonElement report = CommandLine.Run("verify", Fixtures.Path("models/gpt2"), "--backend", "auto", "--threads", "1", "--json").JsonLines().Single();
        Assert.Matches(@"^cpu \(.+, 1 thread\)$", report.GetProperty("backend").GetString());
    }
}
