using BenchmarkDotNet.Attributes;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Checkpoints;

namespace Palmyra.Benchmarks.Kernels;

/// <summary>
/// The product's inner tile, its weights in the nearest caches, one thread: 8 rows are the floating-point tile (F32) and the integer one
/// (Q8, Q4), 1 row is the dot product of a quantised row, 256 rows are many tiles that use the same weights.
/// </summary>
/// <remarks>48 outputs are one stretch of panels, which is what a worker takes at a time: the call around it costs tens of nanoseconds.</remarks>
public class TileBenchmarks
{
    private const int Outputs = 48;

    private CpuBackend _backend = null!;
    private Matrix _weights = null!;
    private Tensor _x = null!;
    private Tensor _y = null!;

    /// <summary>Inputs: those of gpt2's matrices. 48 outputs of 768 take 147 KB as F32, 21 KB as Q4.</summary>
    [Params(768, 3072)]
    public int Inputs { get; set; }

    /// <summary>How weights are stored.</summary>
    [Params(MatrixFormat.F32, MatrixFormat.F16, MatrixFormat.BF16, MatrixFormat.Q8, MatrixFormat.Q4)]
    public MatrixFormat Format { get; set; }

    /// <summary>Rows of activations.</summary>
    [Params(1, 8, 256)]
    public int Rows { get; set; }

    /// <summary>Fills weights and rows with random numbers.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _backend = new CpuBackend(new CpuOptions { Threads = 1 });
        float[] weights = RandomNumbers.Fill(Outputs * Inputs, scale: 0.04f);
        _weights = _backend.LoadMatrix(WeightView.FromArray("tile", Outputs, Inputs, weights), Format);
        _x = _backend.Allocate(Rows, Inputs);
        _y = _backend.Allocate(Rows, Outputs);
        _backend.Write(_x, RandomNumbers.Fill(Rows * Inputs, scale: 1));
    }

    /// <summary>y = x·wᵀ.</summary>
    [Benchmark]
    public void Tile() => _backend.Linear(_y, _x, _weights, bias: null, Activation.None, residual: null);

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (IDisposable item in new IDisposable[] { _weights, _x, _y, _backend })
        {
            item.Dispose();
        }
    }
}
