using BenchmarkDotNet.Attributes;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;

namespace Palmyra.Benchmarks.Kernels;

/// <summary>What is done to rows between products, one thread: LayerNorm, GELU, rotary positions.</summary>
public class RowBenchmarks
{
    private CpuBackend _backend = null!;
    private Tensor _x = null!;
    private Tensor _y = null!;
    private Tensor _hidden = null!;
    private Tensor _activated = null!;
    private Tensor _gain = null!;
    private Tensor _bias = null!;
    private Tensor _qkv = null!;
    private PreparedBatch _batch = null!;

    /// <summary>Rows.</summary>
    [Params(1, 64)]
    public int Rows { get; set; }

    /// <summary>The width of gpt2 (12 heads of 64) and gpt-j (16 heads of 256).</summary>
    [Params(768, 4096)]
    public int Width { get; set; }

    private AttentionShape Shape => Width == 768 ? new(12, 64, 0.125f, Window: 0) : new(16, 256, 0.0625f, Window: 0);

    /// <summary>Fills rows with random numbers.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _backend = new CpuBackend(new CpuOptions { Threads = 1 });
        _x = Filled(Rows, Width);
        _y = _backend.Allocate(Rows, Width);
        _hidden = Filled(Rows, 4 * Width);
        _activated = _backend.Allocate(Rows, 4 * Width);
        _gain = Filled(1, Width);
        _bias = Filled(1, Width);
        _qkv = Filled(Rows, 3 * Width);
        var batch = new Batch();
        batch.Add(new int[Rows], past: 0, [.. Enumerable.Range(0, (Rows + _backend.PreferredPageSize - 1) / _backend.PreferredPageSize)]);
        _batch = _backend.Prepare(batch, null);
    }

    /// <summary>y = (x − mean)/√(variance + epsilon)·gain + bias.</summary>
    [Benchmark]
    public void LayerNorm() => _backend.LayerNorm(_y, _x, _gain, _bias, epsilon: 1e-5f, stats: null);

    /// <summary>The hidden layer's activation, as GPT-2 and GPT-J have it.</summary>
    [Benchmark]
    public void Gelu() => _backend.Activate(_activated, _hidden, Activation.GeluTanh);

    /// <summary>Rotary positions over the first 64 numbers of every head of q and k.</summary>
    [Benchmark]
    public void Rotate() => _backend.Rotate(_qkv, _batch, Shape, dims: 64);

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (IDisposable item in new IDisposable[] { _x, _y, _hidden, _activated, _gain, _bias, _qkv, _backend })
        {
            item.Dispose();
        }
    }

    private Tensor Filled(int rows, int cols)
    {
        Tensor tensor = _backend.Allocate(rows, cols);
        _backend.Write(tensor, RandomNumbers.Fill(rows * cols, scale: 1));
        return tensor;
    }
}
