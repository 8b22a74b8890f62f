using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Cli.Commands;
using Palmyra.Evaluation.Speed;
using Palmyra.Gpu;
using Palmyra.Gpu.Compilation;
using Palmyra.Models;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Cli.Tests;

/// <summary>What <c>bench</c> tells of a GPU, by an interpreter of PTX in its place: what it says is tried here, not how fast anything is.</summary>
public sealed class GpuBenchTests
{
    private const int Tokens = 4;
    private static readonly KernelCompiler Compiler = new();

    [Fact]
    public void A_gpu_is_measured_beside_its_own_copy_and_says_how_steps_reached_it()
    {
        (string[] lines, JsonElement json) = Measure(graphs: true);
        Assert.StartsWith("gptj made random, f32, f16 cache, on gpu (Interpreter of PTX, sm_90): medians of 2 rounds", lines[0], StringComparison.Ordinal);
        Assert.Matches(@"^prefill +[0-9.]+  tokens/s, [0-9.]+ GFLOP/s; no arithmetic peak is measured here$", lines[4]);
        Assert.Matches(@"^decode +[0-9.]+  tokens/s, [0-9]+ % of the [0-9.]+ GB/s measured in the same rounds \([0-9.]+ [kM]?B a token\)$", lines[5]);
        Assert.Equal("The GB/s are what the GPU copies in its memory, bytes read and bytes written.", lines[6]);
        Assert.StartsWith("Every step ends with all logits of its last token read back", lines[7], StringComparison.Ordinal);
        Assert.Matches($"^Decoding {Tokens} tokens sends {Tokens} recorded steps as graphs and launches [0-9]+ kernels one by one\\.$", lines[^1]);

        Assert.Equal("gpu (Interpreter of PTX, sm_90)", json.GetProperty("backend").GetString());
        Assert.True(json.GetProperty("bandwidth_gb_per_second").GetDouble() > 0);
        Assert.True(json.GetProperty("decode_share_of_bandwidth").GetDouble() > 0);
        Assert.True(json.GetProperty("prefill_gflop_per_second").GetDouble() > 0);
        Assert.All(
            ["peak_gflop_per_second", "peak_is_what", "prefill_share_of_peak"], name => Assert.Equal(JsonValueKind.Null, json.GetProperty(name).ValueKind));
        Assert.Equal(2, json.GetProperty("rounds").GetArrayLength());
        Assert.All(json.GetProperty("rounds").EnumerateArray(), round =>
        {
            Assert.Equal(JsonValueKind.Null, round.GetProperty("peak_gflop_per_second").ValueKind);
            Assert.True(round.TryGetProperty("decode_allocated_bytes", out _));
        });
        JsonElement steps = json.GetProperty("steps");

        // After a prompt another row's logits are asked for: the head's launches follow a copy from the host, and are too few for a graph.
        Assert.Equal((Tokens, Tokens), (steps.GetProperty("decode_tokens").GetInt32(), steps.GetProperty("graph_replays").GetInt32()));
        Assert.InRange(steps.GetProperty("kernel_launches").GetInt32(), 0, Tokens);
        Assert.Equal(JsonValueKind.Null, steps.GetProperty("why_no_graphs").ValueKind);
    }

    [Fact]
    public void Why_there_are_no_graphs_is_told()
    {
        (string[] lines, JsonElement json) = Measure(graphs: false);
        Assert.Matches(
            $@"^Decoding {Tokens} tokens sends 0 recorded steps as graphs and launches [0-9]+ kernels one by one\. No graphs: Graphs are switched off",
            lines[^1]);
        JsonElement steps = json.GetProperty("steps");
        Assert.True(steps.GetProperty("kernel_launches").GetInt32() >= Tokens);
        Assert.StartsWith("Graphs are switched off", steps.GetProperty("why_no_graphs").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_go_to_a_gpu_need_the_hosts_memory_one_matrix_at_a_time()
    {
        ModelConfig config = ModelPresets.Find("gpt-j-6b")!.Runnable!;
        long weights = new ModelSize(config).WeightBytes(MatrixFormat.BF16);
        Assert.Null(BenchCommand.HostShortage("gpt-j-6b", config, MatrixFormat.BF16, weights));
        Assert.Equal(
            "gpt-j-6b in bf16 needs 12.1 GB for its weights; this machine has 12.1 GB. Choose a smaller preset or a narrower --dtype.",
            BenchCommand.HostShortage("gpt-j-6b", config, MatrixFormat.BF16, weights - 1));

        // The embedding's rows: 50,400 by 4,096.
        const long Largest = 50_400L * 4_096 * sizeof(float);
        Assert.Null(BenchCommand.HostShortage("gpt-j-6b", config, null, Largest));
        Assert.Equal(
            "gpt-j-6b needs 826 MB to make its largest matrix; this machine has 826 MB. Choose a smaller preset.",
            BenchCommand.HostShortage("gpt-j-6b", config, null, Largest - 1));
    }

    // What the check before loading counts is enough for all of bench, to the byte.
    [Theory]
    [InlineData("gptj", MatrixFormat.F32)]
    [InlineData("gpt2", MatrixFormat.BF16)]
    [InlineData("gpt-neo", MatrixFormat.Q4)]
    public void What_passes_the_check_before_loading_is_measured(string folder, MatrixFormat format)
    {
        ModelConfig config = ModelConfigReader.ReadFile(Fixtures.Path($"models/{folder}/config.json"));
        var use = new ModelUse { Rows = Tokens, MeasuredTokens = 2 * Tokens };
        using var driver = new PtxDriver();
        using var backend = new CheckedBackend(new GpuBackend(driver, Compiler));
        GpuModelSize size = GpuBackends.SizeOn(backend, config);
        long needed = size.WeightBytes(format) + size.CacheBytes(2 * Tokens, CacheFormat.F16) + size.WorkingBytes(Tokens, format) + GpuBackends.LimitsBytes;
        driver.FreeBytes = needed;
        Assert.Same(backend, GpuChoice.WithRoom(backend, config, null, format, CacheFormat.F16, use, () => throw new InvalidOperationException()));

        using Transformer model = TransformerLoader.Load(config, backend, format, new RandomWeights(config, 1).View);
        using var measurement = new SpeedMeasurement(model, Tokens, Tokens, CacheFormat.F16);
        long before;
        using (ISpeedLimits limits = GpuChoice.LimitsOf(backend)!)
        {
            Assert.Single(measurement.Run(limits, 1).Rounds);
            StepCount steps = GpuChoice.CountSteps(backend, Tokens, () => measurement.Decode(Tokens))!;
            Assert.Equal(Tokens, steps.Replays);
            before = driver.FreeBytes;
        }

        // Memory that goes back takes the recorded steps with it; they are recorded anew.
        Assert.True(driver.FreeBytes >= before + GpuBackends.LimitsBytes);
        Assert.True(GpuChoice.CountSteps(backend, Tokens, () => measurement.Decode(Tokens))!.Replays < Tokens);
        Assert.Equal(Tokens, GpuChoice.CountSteps(backend, Tokens, () => measurement.Decode(Tokens))!.Replays);
    }

    private static (string[] Lines, JsonElement Json) Measure(bool graphs)
    {
        ModelConfig config = ModelConfigReader.ReadFile(Fixtures.Path("models/gptj/config.json"));
        using var driver = new PtxDriver { FreeBytes = 3 * GpuBackends.LimitsBytes };
        using var backend = new CheckedBackend(new GpuBackend(driver, Compiler, new GpuOptions { Graphs = graphs }));
        using Transformer model = TransformerLoader.Load(config, backend, MatrixFormat.F32, new RandomWeights(config, 1).View);
        using var measurement = new SpeedMeasurement(model, Tokens, Tokens, CacheFormat.F16);
        using ISpeedLimits limits = GpuChoice.LimitsOf(backend)!;
        SpeedResult result = measurement.Run(limits, 2);
        StepCount? steps = GpuChoice.CountSteps(backend, Tokens, () => measurement.Decode(Tokens));
        var report = new SpeedReport("gptj made random", model, 0, result, limits, steps);
        using var text = new StringWriter();
        report.WriteText(text);
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            report.WriteJson(writer);
        }

        return (text.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries), JsonSerializer.Deserialize<JsonElement>(json.ToArray()));
    }
}
