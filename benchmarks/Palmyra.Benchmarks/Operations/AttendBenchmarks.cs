using BenchmarkDotNet.Attributes;
using Palmyra.Backends;

namespace Palmyra.Benchmarks.Operations;

/// <summary>Attention of one layer through the cache: one new token after a long past, and a whole prompt.</summary>
public class AttendBenchmarks
{
    private CachedAttention _attention = null!;

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

    /// <summary>Threads.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>Fills the cache with random keys and values.</summary>
    [GlobalSetup]
    public void Setup() => _attention = new CachedAttention(Threads, HeadDim == 64 ? 12 : 16, HeadDim, layers: 1, Past, Rows, Format);

    /// <summary>y = softmax(q·kᵀ)·v.</summary>
    [Benchmark]
    public void Attend() => _attention.RunLayers();

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup() => _attention.Dispose();
}
