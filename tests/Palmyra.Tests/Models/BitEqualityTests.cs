using Palmyra.Backends;
using Palmyra.Backends.Cpu;

namespace Palmyra.Tests.Models;

/// <summary>
/// The promise "same seed, same text" rests on this: on the CPU the logits of a token have the same bits whatever else is in the batch, however
/// the prompt was cut, with and without the cache, on one thread or several, at any vector width.
/// </summary>
public sealed class BitEqualityTests
{
    /// <summary>Every family, and a model of each narrow format.</summary>
    public static TheoryData<string, MatrixFormat> Models => new()
    {
        { "gptj", MatrixFormat.F32 },
        { "gpt2", MatrixFormat.F32 },
        { "gpt-neo", MatrixFormat.F32 },
        { "gptj-full-rotary-f16", MatrixFormat.F16 },
        { "gpt-neo-bin-sharded", MatrixFormat.BF16 },
        { "gpt2-inverse-layer-upcast", MatrixFormat.BF16 },
        { "gpt2", MatrixFormat.Q8 },
        { "gptj", MatrixFormat.Q4 },
        { "gpt-neo", MatrixFormat.Q8 },
        { "gpt2-palmyra-small-style", MatrixFormat.Q4 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Logits_do_not_depend_on_batch_chunks_cache_threads_or_width(string name, MatrixFormat format)
    {
        float[][] expected;
        using (var model = new CpuFixture(name, format, new CpuOptions { Threads = 1 }))
        {
            // One sequence at a time, in one pass, without a cache.
            expected = [.. model.Each.Select(i => model.Logits([i], chunk: int.MaxValue, cache: null)[i])];
        }

        EverywhereTheSame(name, format, expected, CacheFormat.F32, (model, where) =>
            Same(expected, model.Logits([0, 1, 2, 3], int.MaxValue, cache: null), $"{where}, all together"));
    }

    [Theory]
    [InlineData("gptj", CacheFormat.F16)]
    [InlineData("gptj", CacheFormat.Q8)]
    [InlineData("gpt2", CacheFormat.Q8)]
    [InlineData("gpt-neo", CacheFormat.F16)]
    [InlineData("gpt-neo", CacheFormat.Q8)]
    public void Nor_where_the_cache_rounds(string name, CacheFormat cache)
    {
        float[][] expected;
        using (var model = new CpuFixture(name, MatrixFormat.F32, new CpuOptions { Threads = 1 }))
        {
            expected = [.. model.Each.Select(i => model.Logits([i], chunk: int.MaxValue, cache)[i])];
        }

        EverywhereTheSame(name, MatrixFormat.F32, expected, cache, static (_, _) => { });
    }

    private static void EverywhereTheSame(string name, MatrixFormat format, float[][] expected, CacheFormat cache, Action<CpuFixture, string> also)
    {
        foreach (int threads in new[] { 1, 2, 3 })
        {
            foreach (VectorWidth width in Enum.GetValues<VectorWidth>())
            {
                using var model = new CpuFixture(name, format, new CpuOptions { Threads = threads, VectorWidth = width });
                string where = $"{threads} threads, {width}";
                also(model, where);
                Same(expected, model.Logits([2, 0, 3, 1], int.MaxValue, cache), $"{where}, other order, cache");
                Same(expected, model.Logits([0, 1, 2, 3], chunk: 1, cache), $"{where}, token by token");
                Same(expected, model.Logits([3, 2, 1, 0], chunk: 7, cache), $"{where}, in sevens: prefill and decoding mixed");
            }
        }
    }

    private static void Same(float[][] expected, float[][] actual, string where)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"sequence {i} differs: {where}");
        }
    }
}
