using BenchmarkDotNet.Attributes;
using Palmyra.Backends;
using Palmyra.Benchmarks.Operations;

namespace Palmyra.Benchmarks.Kernels;

/// <summary>Attention of one head, one thread: keys and values of up to 1,024 tokens stay in the second-level cache.</summary>
public class AttendingBenchmarks
{
    private CachedAttention _attention = null!;

    /// <summary>New tokens: one, and the rows that go through a page together.</summary>
    [Params(1, 16)]
    public int Rows { get; set; }

    /// <summary>Tokens cached before.</summary>
    [Params(64, 1008)]
    public int Past { get; set; }

    /// <summary>The head's width: gpt2's and gpt-j's.</summary>
    [Params(64, 256)]
    public int HeadDim { get; set; }

    /// <summary>Fills the cache with random keys and values.</summary>
    [GlobalSetup]
    public void Setup() => _attention = new CachedAttention(threads: 1, heads: 1, HeadDim, layers: 1, Past, Rows, CacheFormat.F32);

    /// <summary>y = softmax(q·kᵀ)·v.</summary>
    [Benchmark]
    public void Attend() => _attention.RunLayers();

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup() => _attention.Dispose();
}
