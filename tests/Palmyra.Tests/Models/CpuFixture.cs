using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Models;
using Palmyra.Testing;

namespace Palmyra.Tests.Models;

/// <summary>A fixture model on a CPU backend of a given kind, and four sequences of tokens it is fed.</summary>
internal sealed class CpuFixture : IDisposable
{
    private static readonly int[] Lengths = [61, 1, 64, 17];

    private readonly LanguageModel _model;
    private readonly int[][] _sequences;

    public CpuFixture(string name, MatrixFormat format, CpuOptions options)
        : this(name, format, new CpuBackend(options))
    {
    }

    /// <summary>The same on another backend, for comparison.</summary>
    public CpuFixture(string name, MatrixFormat format, IBackend backend)
    {
        _model = LanguageModel.Open(
            Fixtures.Path($"models/{name}"), new LanguageModelOptions { Format = format, Backend = new CheckedBackend(backend) });
        var random = new Random(5);
        _sequences = [.. Lengths.Select(length => Enumerable.Range(0, length).Select(_ => random.Next(_model.Config.VocabularySize)).ToArray())];
    }

    /// <summary>The numbers of the sequences.</summary>
    public IEnumerable<int> Each => Enumerable.Range(0, Lengths.Length);

    /// <summary>The tokens of a sequence.</summary>
    public ReadOnlySpan<int> Tokens(int sequence) => _sequences[sequence];

    /// <summary>The model.</summary>
    public ModelConfig Config => _model.Config;

    /// <summary>All logits of every sequence, fed in rounds of at most <paramref name="chunk"/> tokens each, in the given order; null means without a cache.</summary>
    public float[][] Logits(int[] order, int chunk, CacheFormat? cache)
    {
        ModelConfig config = _model.Config;
        const int PageSize = 16;
        int pagesEach = (config.ContextLength + PageSize - 1) / PageSize;
        using KvCache? pagesOfAll = cache is CacheFormat stored
            ? _model.Backend.CreateKvCache(config.Layers, config.Heads, config.HeadDim, pagesEach * Lengths.Length, PageSize, stored)
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
                int[] pages = pagesOfAll is not null ? [.. Enumerable.Range(0, pagesEach).Select(page => (page * Lengths.Length) + i)] : [];
                batch.Add(_sequences[i].AsSpan(done[i], count), done[i], pages);
                parts.Add((i, done[i], count));
                done[i] += count;
            }

            PreparedBatch prepared = _model.Backend.Prepare(batch, null);
            Tensor hidden = _model.Transformer.Forward(prepared, pagesOfAll, workspace);
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
