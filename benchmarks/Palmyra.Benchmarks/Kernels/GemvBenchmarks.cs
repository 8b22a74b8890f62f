using BenchmarkDotNet.Attributes;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;

namespace Palmyra.Benchmarks.Kernels;

/// <summary>The product of one to four rows with weights from memory, one thread: copies in turn, so that no cache holds them.</summary>
public class GemvBenchmarks
{
    private CpuBackend _backend = null!;
    private WeightCopies _weights = null!;
    private Tensor _x = null!;
    private Tensor _y = null!;

    /// <summary>The matrix.</summary>
    [ParamsSource(nameof(Shapes))]
    public NamedShape Shape { get; set; } = null!;

    /// <summary>How it is stored.</summary>
    [Params(MatrixFormat.F32, MatrixFormat.F16, MatrixFormat.BF16, MatrixFormat.Q8, MatrixFormat.Q4)]
    public MatrixFormat Format { get; set; }

    /// <summary>Rows of activations.</summary>
    [Params(1, 4)]
    public int Rows { get; set; }

    /// <summary>The shapes.</summary>
    public static IEnumerable<NamedShape> Shapes => [NamedShape.Gpt2Up, NamedShape.Gpt2Head, NamedShape.GptJUp];

    /// <summary>Fills copies and rows with random numbers.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _backend = new CpuBackend(new CpuOptions { Threads = 1 });
        _weights = new WeightCopies(_backend, Shape, Format, RandomNumbers.Fill(Shape.Count, scale: 0.04f));
        _x = _backend.Allocate(Rows, Shape.Inputs);
        _y = _backend.Allocate(Rows, Shape.Outputs);
        _backend.Write(_x, RandomNumbers.Fill(Rows * Shape.Inputs, scale: 1));
    }

    /// <summary>y = x·wᵀ.</summary>
    [Benchmark]
    public void Gemv() => _backend.Linear(_y, _x, _weights.Next(), bias: null, Activation.None, residual: null);

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
