using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Checkpoints;

namespace Palmyra.Benchmarks.Peers;

/// <summary>The same product in Palmyra: y = x·wᵀ on the CPU backend.</summary>
internal sealed class Product : IDisposable
{
    private readonly CpuBackend _backend;
    private readonly Matrix _matrix;
    private readonly Tensor _x;
    private readonly Tensor _y;

    /// <summary>Loads the weights.</summary>
    /// <param name="shape">The matrix.</param>
    /// <param name="format">How it is stored.</param>
    /// <param name="weights">[outputs, inputs].</param>
    /// <param name="threads">Threads.</param>
    /// <param name="x">[rows, inputs].</param>
    /// <exception cref="Diagnostics.BackendException">The backend does not know the format.</exception>
    public Product(NamedShape shape, MatrixFormat format, float[] weights, int threads, float[] x)
    {
        int rows = x.Length / shape.Inputs;
        _backend = new CpuBackend(new CpuOptions { Threads = threads });
        try
        {
            _matrix = _backend.LoadMatrix(WeightView.FromArray(shape.Name, shape.Outputs, shape.Inputs, weights), format);
        }
        catch
        {
            _backend.Dispose();
            throw;
        }

        _x = _backend.Allocate(rows, shape.Inputs);
        _y = _backend.Allocate(rows, shape.Outputs);
        _backend.Write(_x, x);
    }

    /// <summary>Computes y.</summary>
    public void Run() => _backend.Linear(_y, _x, _matrix, bias: null, Activation.None, residual: null);

    /// <summary>[rows, outputs] of the last <see cref="Run"/>.</summary>
    public float[] Y()
    {
        var y = new float[_y.Rows * _y.Cols];
        _backend.Read(_y, y);
        return y;
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach (IDisposable item in new IDisposable[] { _matrix, _x, _y, _backend })
        {
            item.Dispose();
        }
    }
}
