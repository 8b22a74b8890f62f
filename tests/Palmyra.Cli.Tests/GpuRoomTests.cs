using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Gpu;
using Palmyra.Gpu.Compilation;
using Palmyra.Models;
using Palmyra.Testing.Ptx;

namespace Palmyra.Cli.Tests;

/// <summary>What becomes of a model that has no room on a GPU, by an interpreter of PTX that has as much memory as it is told.</summary>
public sealed class GpuRoomTests
{
    private static readonly KernelCompiler Compiler = new();
    private static readonly ModelConfig Config = ModelPresets.Find("gpt-j-6b")!.Runnable!;

    [Fact]
    public void A_model_without_room_is_refused_and_the_device_is_given_back()
    {
        using Gpu gpu = new(10L << 30);
        Assert.Contains(
            "does not fit, --dtype q8 does.",
            Assert.Throws<BackendException>(() => Fit(gpu, MatrixFormat.F32, new ModelUse(), null)).Message,
            StringComparison.Ordinal);
        Assert.True(gpu.IsGivenBack);
    }

    [Fact]
    public void With_auto_another_backend_runs_it()
    {
        using Gpu gpu = new(10L << 30);
        using var other = new ReferenceBackend();
        Assert.Same(other, Fit(gpu, MatrixFormat.F32, new ModelUse(), () => other));
        Assert.True(gpu.IsGivenBack);
    }

    [Fact]
    public void What_fits_stays_with_auto_too_and_what_is_no_gpu_is_not_asked()
    {
        using Gpu gpu = new(20L << 30);
        using var other = new ReferenceBackend();
        Assert.Same(gpu.Backend, Fit(gpu, MatrixFormat.BF16, new ModelUse(), () => other));
        Assert.False(gpu.IsGivenBack);
        Assert.Same(other, GpuChoice.WithRoom(other, Config, null, null, CacheFormat.F32, new ModelUse { MeasuredTokens = 2048 }, null));
    }

    [Fact]
    public void A_measurement_must_fit_to_the_byte()
    {
        var use = new ModelUse { Rows = 64, MeasuredTokens = 100 };
        var size = new GpuModelSize(Config, null, 132);
        long needed = size.WeightBytes(MatrixFormat.Q8) + size.CacheBytes(100, CacheFormat.F32) + size.WorkingBytes(64, MatrixFormat.Q8)
            + GpuBackends.LimitsBytes;
        using Gpu large = new(needed);
        Assert.Same(large.Backend, Fit(large, MatrixFormat.Q8, use, null));
        using Gpu small = new(needed - 1);
        Assert.Equal(
            $"Measuring the model with 100 tokens wants {Columns.Bytes(needed)} of the GPU's memory, 134 MB of them for measuring its bandwidth, and "
                + $"{Columns.Bytes(needed)} are free: use a narrower --dtype, a smaller model or fewer tokens.",
            Assert.Throws<BackendException>(() => Fit(small, MatrixFormat.Q8, use, null)).Message);
    }

    [Fact]
    public void The_rows_of_the_command_count()
    {
        var size = new GpuModelSize(Config, null, 132);
        long opens = size.WeightBytes(MatrixFormat.Q8) + size.WorkingBytes(512, MatrixFormat.Q8) + size.CacheBytes(1, CacheFormat.F32);
        using Gpu gpu = new(opens);
        Assert.Same(gpu.Backend, Fit(gpu, MatrixFormat.Q8, new ModelUse(), null));
        Assert.Same(gpu.Backend, Fit(gpu, MatrixFormat.Q8, ModelUse.OfWindows(512, 2048), null));
        Assert.Throws<BackendException>(() => Fit(gpu, MatrixFormat.Q8, ModelUse.OfWindows(513, 2048), null));
    }

    [Theory]
    [InlineData(10, 2048, 10)]
    [InlineData(2048, 2048, 2048)]
    [InlineData(2049, 2048, 2048)]
    [InlineData(600, 512, Scorer.DefaultRowsPerBatch)]
    public void Windows_run_together_up_to_a_batch(long tokens, int window, int rows) => Assert.Equal(rows, ModelUse.OfWindows(tokens, window).Rows);

    private static IBackend Fit(Gpu gpu, MatrixFormat format, ModelUse use, Func<IBackend>? instead) =>
        GpuChoice.WithRoom(gpu.Backend, Config, null, format, CacheFormat.F32, use, instead);

    private sealed class Gpu : IDisposable
    {
        public Gpu(long free) => Backend = new CheckedBackend(new GpuBackend(new PtxDriver { FreeBytes = free }, Compiler));

        public IBackend Backend { get; }

        // Memory of a device that was given back cannot be asked for.
        public bool IsGivenBack => Record.Exception(() => Backend.Allocate(1, 1).Dispose()) is ObjectDisposedException;

        public void Dispose()
        {
            if (!IsGivenBack)
            {
                Backend.Dispose();
            }
        }
    }
}
