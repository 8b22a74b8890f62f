using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Testing;
using Palmyra.Tests.Generation;

namespace Palmyra.Tests.Backends;

public class CpuBackendTests
{
    [Theory]
    [InlineData(1, MatrixFormat.F32, MatrixFormat.BF16, CacheFormat.F32)]
    [InlineData(2, MatrixFormat.F32, MatrixFormat.BF16, CacheFormat.F32)]
    [InlineData(2, MatrixFormat.F16, MatrixFormat.F32, CacheFormat.F16)]
    [InlineData(1, MatrixFormat.Q8, MatrixFormat.Q4, CacheFormat.Q8)]
    [InlineData(2, MatrixFormat.Q4, MatrixFormat.Q8, CacheFormat.Q8)]
    public void A_step_allocates_nothing_once_warm(int threads, MatrixFormat tableFormat, MatrixFormat layerFormat, CacheFormat cacheFormat)
    {
        const int Width = 64;
        var shape = new AttentionShape(4, 16, 0.25f, 0);
        using var backend = new CpuBackend(new CpuOptions { Threads = threads });
        using Matrix table = OpCases.Matrix(backend, 500, Width, 1, tableFormat);
        using Matrix project = OpCases.Matrix(backend, 3 * Width, Width, 2, layerFormat);
        using Matrix back = OpCases.Matrix(backend, Width, Width, 3, MatrixFormat.F16);
        using Tensor one = OpCases.Tensor(backend, 1, Width, Numbers.Spread(4, Width));
        using Tensor x = backend.Allocate(40, Width);
        using Tensor y = backend.Allocate(40, Width);
        using Tensor qkv = backend.Allocate(40, 3 * Width);
        using Tensor last = backend.Allocate(2, Width);
        using Tensor logits = backend.Allocate(2, 500);
        using Tensor logProb = backend.Allocate(2, 1);
        using KvCache cache = backend.CreateKvCache(1, 4, 16, 8, 64, cacheFormat);
        var batch = new Batch();
        PreparedBatch? prepared = null;
        int[] tokens = [.. Enumerable.Range(0, 40)];
        for (int step = 0; step < 3; step++)
        {
            Step();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 10; step++)
        {
            Step();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Step()
        {
            foreach (int count in (ReadOnlySpan<int>)[20, 1])
            {
                batch.Clear();
                batch.Add(tokens.AsSpan(0, count), past: 3, [2, 1]);
                batch.Add(tokens.AsSpan(20, count), past: 0, [0]);
                prepared = backend.Prepare(batch, prepared);
                x.Rows = y.Rows = qkv.Rows = batch.Rows;
                backend.Embed(x, table, table, prepared);
                backend.LayerNorm(y, x, one, one, 1e-5f, null);
                backend.Linear(qkv, y, project, null, Activation.None, null);
                backend.Rotate(qkv, prepared, shape, 8);
                backend.StoreKeysValues(cache, 0, qkv, prepared);
                backend.Attend(y, qkv, cache, 0, prepared, shape, null);
                backend.Linear(x, y, back, one, Activation.GeluErf, x);
                backend.Activate(x, x, Activation.Silu);
                backend.GatherRows(last, x, [0, count]);
                backend.Linear(logits, last, table, null, Activation.None, null);
                backend.Score(logProb, null, last, table, null, [1, 2]);
            }
        }
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        Assert.Contains("Threads", Assert.Throws<BackendException>(() => new CpuBackend(new CpuOptions { Threads = 0 })).Message, StringComparison.Ordinal);
        Assert.Contains("VectorWidth", Assert.Throws<BackendException>(() => new CpuBackend(new CpuOptions { VectorWidth = (VectorWidth)64 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_that_is_not_there_is_refused_with_its_size()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 1 });
        var error = Assert.Throws<BackendException>(() => backend.CreateKvCache(1000, 1000, 1000, int.MaxValue, 64, CacheFormat.F32));
        Assert.Contains("cache", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_fitted_before_a_refusal_fits_after_it()
    {
        NativeBuffer buffer = NativeBuffer.Grow(null, 64, "a test");
        Assert.Throws<BackendException>(() => NativeBuffer.Grow(buffer, long.MaxValue / 4, "a test"));
        using NativeBuffer again = NativeBuffer.Grow(buffer, 64, "a test");
        unsafe
        {
            again.Floats[0] = 1;
        }

        using var backend = new CpuBackend(new CpuOptions { Threads = 1 });
        using var rows = new Workspace(backend, TinyModel.Gpt2);
        rows.Fit(int.MaxValue);
        rows.FitSelected(1);
        Assert.Equal(1, rows.Logits.Rows);
        Assert.Throws<BackendException>(() => rows.Hidden);
        rows.Fit(2);
        Assert.Equal(2, rows.Hidden.Capacity);
    }

    [Fact]
    public void The_description_names_vectors_and_threads()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 1, VectorWidth = VectorWidth.Scalar });
        Assert.Equal("cpu (scalar, 1 thread)", backend.Description);
    }

    [Fact]
    public void Machine_limits_are_measured()
    {
        Assert.InRange(MachineLimits.ReadBandwidth(1), 0.1, 10_000);
        Assert.InRange(MachineLimits.FmaPeak(2), 0.01, 100_000);
    }
}
