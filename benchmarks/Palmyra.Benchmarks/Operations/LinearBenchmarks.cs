using BenchmarkDotNet.Attributes;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Checkpoints;

namespace Palmyra.Benchmarks.Operations;

/// <summary>The projection at one row (decoding: bounded by reading the weights), eight, and 512 (prefill: bounded by multiply-adds).</summary>
/// <remarks>Small matrices stay in cache here; <c>targets</c> measures them from memory, as shares of the limits of the same round.</remarks>
public class LinearBenchmarks
{
    private CpuBackend _backend = null!;
    private Matrix _matrix = null!;
    private Tensor _x = null!;
    private Tensor _y = null!;
    private Tensor _bias = null!;

    /// <summary>The matrix.</summary>
    [ParamsSource(nameof(Shapes))]
    public NamedShape Shape { get; set; } = null!;

    /// <summary>How it is stored.</summary>
    [Params(MatrixFormat.F32, MatrixFormat.F16, MatrixFormat.BF16, MatrixFormat.Q8, MatrixFormat.Q4)]
    public MatrixFormat Format { get; set; }

    /// <summary>Rows of activations.</summary>
    [Params(1, 8, 512)]
    public int Rows { get; set; }

    /// <summary>Threads.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>The shapes.</summary>
    public static IEnumerable<NamedShape> Shapes => NamedShape.All;

    /// <summary>Fills matrix and rows with random numbers.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _backend = new CpuBackend(new CpuOptions { Threads = Threads });
        float[] weights = RandomNumbers.Fill(Shape.Count, scale: 0.04f);
        _matrix = _backend.LoadMatrix(WeightView.FromArray(Shape.Name, Shape.Outputs, Shape.Inputs, weights), Format);
        _x = _backend.Allocate(Rows, Shape.Inputs);
        _y = _backend.Allocate(Rows, Shape.Outputs);
        _bias = _backend.Allocate(1, Shape.Outputs);
        _backend.Write(_x, RandomNumbers.Fill(Rows * Shape.Inputs, scale: 1));
        _backend.Write(_bias, RandomNumbers.Fill(Shape.Outputs, scale: 1));
    }

    /// <summary>y = gelu(x·wᵀ + bias).</summary>
    [Benchmark]
    public void Linear() => _backend.Linear(_y, _x, _matrix, _bias, Activation.GeluTanh, residual: null);

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (IDisposable item in new IDisposable[] { _matrix, _x, _y, _bias, _backend })
        {
            item.Dispose();
        }
    }
}
