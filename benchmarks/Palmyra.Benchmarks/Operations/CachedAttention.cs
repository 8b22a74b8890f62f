using Palmyra.Backends;
using Palmyra.Backends.Cpu;

namespace Palmyra.Benchmarks.Operations;

/// <summary>Attention over a cache filled with random keys and values, in as many layers as wanted.</summary>
internal sealed class CachedAttention : IDisposable
{
    private readonly CpuBackend _backend;
    private readonly AttentionShape _shape;
    private readonly KvCache _cache;
    private readonly Tensor _y;
    private Tensor? _qkv;
    private PreparedBatch _batch = null!;

    /// <summary>Fills the cache.</summary>
    /// <param name="threads">Threads.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="headDim">Their width.</param>
    /// <param name="layers">Layers of the cache.</param>
    /// <param name="past">Tokens cached before.</param>
    /// <param name="rows">New tokens.</param>
    /// <param name="format">How keys and values are kept.</param>
    public CachedAttention(int threads, int heads, int headDim, int layers, int past, int rows, CacheFormat format)
    {
        _shape = new AttentionShape(heads, headDim, 1 / MathF.Sqrt(headDim), Window: 0);
        _backend = new CpuBackend(new CpuOptions { Threads = threads });
        int pageSize = _backend.PreferredPageSize;
        int[] pages = [.. Enumerable.Range(0, (past + rows + pageSize - 1) / pageSize)];
        _cache = _backend.CreateKvCache(layers, heads, headDim, pages.Length, pageSize, format);
        Store(past, 0, pages);
        Store(rows, past, pages);
        _y = _backend.Allocate(rows, _shape.Width);
    }

    /// <summary>y = softmax(q·kᵀ)·v, once in each layer.</summary>
    public void RunLayers()
    {
        for (int layer = 0; layer < _cache.Layers; layer++)
        {
            _backend.Attend(_y, _qkv!, _cache, layer, _batch, _shape, logSum: null);
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        _cache.Dispose();
        _qkv?.Dispose();
        _y.Dispose();
        _backend.Dispose();
    }

    private void Store(int rows, int past, int[] pages)
    {
        if (rows == 0)
        {
            return;
        }

        var batch = new Batch();
        batch.Add(new int[rows], past, pages);
        _batch = _backend.Prepare(batch, null);
        _qkv?.Dispose();
        _qkv = _backend.Allocate(rows, 3 * _shape.Width);
        _backend.Write(_qkv, RandomNumbers.Fill(rows * 3 * _shape.Width, scale: 1));
        for (int layer = 0; layer < _cache.Layers; layer++)
        {
            _backend.StoreKeysValues(_cache, layer, _qkv, _batch);
        }
    }
}
