using ILGPU;
using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Gpu.Tests.Ptx;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests;

/// <summary>What is NaN or infinite shows where it belongs, and nowhere else.</summary>
public sealed class NotFiniteTests
{
    [Fact]
    public void Logarithms_of_what_has_none_are_those_of_dotnet()
    {
        float[] x = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0, -0f, -1, -1e-30f, 1, 2, 1e-37f, float.MaxValue];
        using var driver = new PtxDriver();
        nint y = driver.Allocate(4 * x.Length);
        PtxKernel kernel = TestCompiler.Compile(typeof(Kernel), nameof(Kernel.Log), 32);
        KernelArguments arguments = default(KernelArguments).AddView(y, x.Length).AddView(driver.Upload(x), x.Length);
        driver.Launch(driver.Load(kernel), new LaunchShape(1, 1, 32), arguments.Bytes);
        Assert.All(driver.Download<float>(y, x.Length), (value, i) => Assert.Equal(
            MathF.Log(x[i]), value, MathF.Abs(MathF.Log(x[i])) is > 1 and < 1000 ? 1e-5f : 1e-7f));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_logit_that_is_not_finite_leaves_no_probability(float value)
    {
        float[] Run(IBackend backend)
        {
            float[] weights = Numbers.Spread(1, 1000 * 12);
            weights[12 * 400] = value;
            using Matrix head = backend.LoadMatrix(WeightView.FromArray("head", 1000, 12, weights), MatrixFormat.F32);
            using Tensor x = OpCases.Tensor(backend, 3, 12, [.. Enumerable.Repeat(1f, 36)]);
            using Tensor logProb = backend.Allocate(3, 1);
            backend.Score(logProb, null, x, head, null, [70, 400, 999]);
            return OpCases.Values(backend, logProb);
        }

        using var reference = new CheckedBackend(new ReferenceBackend());
        using var gpu = new CheckedBackend(InterpretedGpu.Create(logits: 3 * 256));
        Assert.All(Run(reference), probability => Assert.True(float.IsNaN(probability)));
        Assert.All(Run(gpu), probability => Assert.True(float.IsNaN(probability)));
    }

    [Theory]
    [InlineData(CacheFormat.F32, float.NaN)]
    [InlineData(CacheFormat.F32, float.PositiveInfinity)]
    [InlineData(CacheFormat.F16, float.NaN)]
    [InlineData(CacheFormat.Q8, float.NaN)]
    public void A_later_value_that_is_not_finite_is_not_seen_by_earlier_queries(CacheFormat format, float spoiled) =>
        AssertSameInAttention(format, 2, spoiled);

    [Theory]
    [InlineData(CacheFormat.F32)]
    [InlineData(CacheFormat.F16)]
    [InlineData(CacheFormat.Q8)]
    public void A_later_key_that_is_NaN_is_not_seen_by_earlier_queries(CacheFormat format) => AssertSameInAttention(format, 1, float.NaN);

    /// <summary>Scores of −∞ have no weight, also where a whole chunk or tile of keys has no other.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 128)]
    [InlineData(1, 256)]
    [InlineData(5, 128)]
    public void Keys_at_minus_infinity_have_no_weight(int rows, int spoiled)
    {
        const int Past = 300;
        const int Dim = 16;
        float[] Run(IBackend backend)
        {
            // Queries are positive.
            float[] values = Numbers.Spread(6, (Past + rows) * 3 * Dim);
            values = [.. values.Select((value, i) => i / Dim % 3 == 0 ? MathF.Abs(value) + 0.1f : value)];
            for (int token = 0; token < spoiled; token++)
            {
                values[(token * 3 * Dim) + Dim + 3] = float.NegativeInfinity;
            }

            using KvCache cache = backend.CreateKvCache(1, 1, Dim, 20, 16, CacheFormat.F32);
            int[] pages = [.. Enumerable.Range(0, 20)];
            var before = new Batch();
            before.Add(new int[Past], 0, pages);
            using Tensor past = OpCases.Tensor(backend, Past, 3 * Dim, values[..(Past * 3 * Dim)]);
            backend.StoreKeysValues(cache, 0, past, backend.Prepare(before, null));
            var batch = new Batch();
            batch.Add(new int[rows], Past, pages);
            using Tensor qkv = OpCases.Tensor(backend, rows, 3 * Dim, values[(Past * 3 * Dim)..]);
            using Tensor y = backend.Allocate(rows, Dim);
            using Tensor logSum = backend.Allocate(rows, 1);
            PreparedBatch prepared = backend.Prepare(batch, null);
            backend.StoreKeysValues(cache, 0, qkv, prepared);
            backend.Attend(y, qkv, cache, 0, prepared, new AttentionShape(1, Dim, 0.5f, 0), logSum);
            return [.. OpCases.Values(backend, y), .. OpCases.Values(backend, logSum)];
        }

        using var reference = new CheckedBackend(new ReferenceBackend());
        using var gpu = new CheckedBackend(InterpretedGpu.Create());
        float[] expected = Run(reference);
        Assert.All(expected, value => Assert.True(float.IsFinite(value)));
        Assert.InRange(Numbers.SquaredError(expected, Run(gpu)), 0, 1e-12);
    }

    // Token 9 of 20 is spoiled; the queries from it on show it, as they do in the reference, and those before do not.
    private static void AssertSameInAttention(CacheFormat format, int part, float spoiled)
    {
        const int Rows = 20;
        const int Dim = 16;
        const int Token = 9;
        float[] Run(IBackend backend)
        {
            float[] values = Numbers.Spread(5, Rows * 3 * Dim);
            values[(Token * 3 * Dim) + (part * Dim) + 3] = spoiled;
            using KvCache cache = backend.CreateKvCache(1, 1, Dim, 2, 16, format);
            using Tensor qkv = OpCases.Tensor(backend, Rows, 3 * Dim, values);
            using Tensor y = backend.Allocate(Rows, Dim);
            using Tensor logSum = backend.Allocate(Rows, 1);
            var batch = new Batch();
            batch.Add(new int[Rows], 0, [0, 1]);
            PreparedBatch prepared = backend.Prepare(batch, null);
            backend.StoreKeysValues(cache, 0, qkv, prepared);
            backend.Attend(y, qkv, cache, 0, prepared, new AttentionShape(1, Dim, 0.5f, 0), logSum);
            return [.. OpCases.Values(backend, y), .. OpCases.Values(backend, logSum)];
        }

        using var reference = new CheckedBackend(new ReferenceBackend());
        using var gpu = new CheckedBackend(InterpretedGpu.Create());
        float[] actual = Run(gpu);
        Assert.All(actual[..(Token * Dim)], value => Assert.True(float.IsFinite(value)));
        Assert.All(Run(reference), (expected, i) => Assert.True(
            float.IsFinite(expected) ? MathF.Abs(expected - actual[i]) < 1e-5f : expected.Equals(actual[i]), $"{i}: {expected}, found {actual[i]}"));
    }

    private static class Kernel
    {
        /// <summary>The logarithm of each element.</summary>
        public static void Log(ArrayView<float> y, ArrayView<float> x)
        {
            if (Group.IdxX < x.Length)
            {
                y[Group.IdxX] = Elementary.Log(x[Group.IdxX]);
            }
        }
    }
}
