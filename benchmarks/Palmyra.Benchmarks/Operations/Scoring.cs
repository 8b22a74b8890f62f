using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Checkpoints;

namespace Palmyra.Benchmarks.Operations;

/// <summary>Log-probabilities of rows over a head, of random numbers.</summary>
internal sealed class Scoring : IDisposable
{
    private readonly CpuBackend _backend;
    private readonly Matrix _head;
    private readonly Tensor _x;
    private readonly Tensor _logProb;
    private readonly Tensor _best;
    private readonly int[] _targets;

    /// <summary>Loads the head.</summary>
    /// <param name="threads">Threads.</param>
    /// <param name="shape">The head.</param>
    /// <param name="format">How it is stored.</param>
    /// <param name="rows">Rows that are scored.</param>
    public Scoring(int threads, NamedShape shape, MatrixFormat format, int rows)
    {
        _backend = new CpuBackend(new CpuOptions { Threads = threads });
        float[] weights = RandomNumbers.Fill(shape.Count, scale: 0.04f);
        _head = _backend.LoadMatrix(WeightView.FromArray(shape.Name, shape.Outputs, shape.Inputs, weights), format);
        _x = _backend.Allocate(rows, shape.Inputs);
        _backend.Write(_x, RandomNumbers.Fill(rows * shape.Inputs, scale: 1));
        _logProb = _backend.Allocate(rows, 1);
        _best = _backend.Allocate(rows, 1);
        _targets = RandomNumbers.Tokens(rows, shape.Outputs);
    }

    /// <summary>Scores the rows.</summary>
    public void Run() => _backend.Score(_logProb, _best, _x, _head, bias: null, _targets);

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach (IDisposable item in new IDisposable[] { _head, _x, _logProb, _best, _backend })
        {
            item.Dispose();
        }
    }
}
