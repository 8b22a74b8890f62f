using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Checkpoints;
using Palmyra.Models;
using Palmyra.Testing;

namespace Palmyra.Tests.Models;

/// <summary>
/// The promise "same seed, same text" rests on this: on the CPU the logits of a token have the same bits whatever else is in the batch, however
/// the prompt was cut, with and without the cache, on one thread or several, at any vector width.
/// </summary>
public sealed class BitEqualityTests
{
    private static readonly int[] Lengths = [61, 1, 64, 17];

    /// <summary>Every family, and a model of each narrow format.</summary>
    public static TheoryData<string, MatrixFormat> Models => new()
    {
        { "gptj", MatrixFormat.F32 },
        { "gpt2", MatrixFormat.F32 },
        { "gpt-neo", MatrixFormat.F32 },
        { "gptj-full-rotary-f16", MatrixFormat.F16 },
        { "gpt-neo-bin-sharded", MatrixFormat.BF16 },
        { "gpt2-inverse-layer-upcast", MatrixFormat.BF16 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Logits_do_not_depend_on_batch_chunks_cache_threads_or_width(string name, MatrixFormat format)
    {
        float[][] expected;
        using (var model = new Loaded(name, format, new CpuOptions { Threads = 1 }))
        {
            // One sequence at a time, in one pass, without a cache.
            expected = [.. Lengths.Select((_, i) => model.Logits([i], chunk: int.MaxValue, cached: false)[i])];
        }

        foreach (int threads in new[] { 1, 2, 3 })
        {
            foreach (VectorWidth width in Enum.GetValues<VectorWidth>())
            {
                using var model = new Loaded(name, format, new CpuOptions { Threads = threads, VectorWidth = width });
                string where = $"{threads} threads, {width}";
                Same(expected, model.Logits([0, 1, 2, 3], int.MaxValue, cached: false), $"{where}, all together");
                Same(expected, model.Logits([2, 0, 3, 1], int.MaxValue, cached: true), $"{where}, other order, cache");
                Same(expected, model.Logits([0, 1, 2, 3], chunk: 1, cached: true), $"{where}, token by token");
                Same(expected, model.Logits([3, 2, 1, 0], chunk: 7, cached: true), $"{where}, in sevens: prefill and decoding mixed");
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

    /// <summary>A fixture model on a CPU backend of a given kind.</summary>
    private sealed class Loaded : IDisposable
    {
        private readonly LanguageModel _model;
        private readonly int[][] _sequences;

        public Loaded(string name, MatrixFormat format, CpuOptions options)
        {
            _model = LanguageModel.Open(
                Fixtures.Path($"models/{name}"),
                new LanguageModelOptions { Format = format, Backend = new CheckedBackend(new CpuBackend(options)) });
            var random = new Random(5);
            _sequences = [.. Lengths.Select(length => Enumerable.Range(0, length).Select(_ => random.Next(_model.Config.VocabularySize)).ToArray())];
        }

        /// <summary>All logits of every sequence, fed in rounds of at most <paramref name="chunk"/> tokens each, in the given order.</summary>
        public float[][] Logits(int[] order, int chunk, bool cached)
        {
            ModelConfig config = _model.Config;
            const int PageSize = 16;
            int pagesEach = (config.ContextLength + PageSize - 1) / PageSize;
            using KvCache? cache = cached
                ? _model.Backend.CreateKvCache(config.Layers, config.Heads, config.HeadDim, pagesEach * Lengths.Length, PageSize)
                : null;
            using var workspace = new Workspace(_model.Backend, config);
            var results = Lengths.Select(length => new float[length * config.VocabularySize]).ToArray();
            var done = new int[Lengths.Length];
            var batch = new Batch();
            while (order.Any(i => done[i] < Lengths[i]))
            {
                batch.Clear();
                var parts = new List<(int Sequence, int First, int Count)>();
                foreach (int i in order.Where(i => done[i] < Lengths[i]))
                {
                    int count = Math.Min(chunk, Lengths[i] - done[i]);

                    // Pages of the sequences interleave, so that a page list is no run.
                    int[] pages = cached ? [.. Enumerable.Range(0, pagesEach).Select(page => (page * Lengths.Length) + i)] : [];
                    batch.Add(_sequences[i].AsSpan(done[i], count), done[i], pages);
                    parts.Add((i, done[i], count));
                    done[i] += count;
                }

                PreparedBatch prepared = _model.Backend.Prepare(batch, null);
                Tensor hidden = _model.Transformer.Forward(prepared, cache, workspace);
                Tensor logits = _model.Transformer.Logits(hidden, [.. Enumerable.Range(0, batch.Rows)], workspace);
                var values = new float[batch.Rows * config.VocabularySize];
                _model.Backend.Read(logits, values);
                int at = 0;
                foreach ((int sequence, int first, int count) in parts)
                {
                    values.AsSpan(at, count * config.VocabularySize).CopyTo(results[sequence].AsSpan(first * config.VocabularySize));
                    at += count * config.VocabularySize;
                }
            }

            return results;
        }

        public void Dispose() => _model.Dispose();
    }
}
