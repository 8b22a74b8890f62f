using BenchmarkDotNet.Attributes;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;

namespace Palmyra.Benchmarks.Operations;

/// <summary>Attention of one layer through the cache: one new token after a long past, and a whole prompt.</summary>
public class AttendBenchmarks
{
    private CpuBackend _backend = null!;
    private KvCache _cache = null!;
    private Tensor _qkv = null!;
    private Tensor _y = null!;
    private PreparedBatch _batch = null!;

    /// <summary>New tokens.</summary>
    [Params(1, 512)]
    public int Rows { get; set; }

    /// <summary>Tokens cached before.</summary>
    [Params(0, 1024)]
    public int Past { get; set; }

    /// <summary>The shapes of gpt2 (12 heads of 64) and gpt-j (16 heads of 256).</summary>
    [Params(64, 256)]
    public int HeadDim { get; set; }

    /// <summary>How the cache stores keys and values.</summary>
    [Params(CacheFormat.F32, CacheFormat.F16, CacheFormat.Q8)]
    public CacheFormat Format { get; set; }

    private AttentionShape Shape => new(HeadDim == 64 ? 12 : 16, HeadDim, 1 / MathF.Sqrt(HeadDim), Window: 0);

    /// <summary>Fills the cache with random keys and values.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _backend = new CpuBackend();
        int pageSize = _backend.PreferredPageSize;
        int[] pages = [.. Enumerable.Range(0, (Past + Rows + pageSize - 1) / pageSize)];
        _cache = _backend.CreateKvCache(1, Shape.Heads, HeadDim, pages.Length, pageSize, Format);
        Fill(Past, 0, pages);
        Fill(Rows, Past, pages);
        _y = _backend.Allocate(Rows, Shape.Width);
    }

    /// <summary>y = softmax(q·kᵀ)·v.</summary>
    [Benchmark]
    public void Attend() => _backend.Attend(_y, _qkv, _cache, layer: 0, _batch, Shape, logSum: null);

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (IDisposable item in new IDisposable[] { _cache, _qkv, _y, _backend })
        {
            item.Dispose();
        }
    }

    private void Fill(int rows, int past, int[] pages)
    {
        if (rows == 0)
        {
            return;
        }

        var batch = new Batch();
        batch.Add(new int[rows], past, pages);
        _batch = _backend.Prepare(batch, null);
        _qkv?.Dispose();
        _qkv = _backend.Allocate(rows, 3 * Shape.Width);
        _backend.Write(_qkv, RandomNumbers.Fill(rows * 3 * Shape.Width, scale: 1));
        _backend.StoreKeysValues(_cache, layer: 0, _qkv, _batch);
    }
}
