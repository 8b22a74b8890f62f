using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Models;

namespace Palmyra.Benchmarks.Models;

/// <summary>A preset with random weights on the CPU backend.</summary>
internal sealed class RandomModel : IDisposable
{
    private readonly CpuBackend _backend;

    /// <summary>Makes the weights.</summary>
    /// <param name="preset">The preset's name.</param>
    /// <param name="format">How matrices are stored.</param>
    /// <param name="threads">Threads.</param>
    /// <exception cref="Diagnostics.BackendException">The backend does not know the format.</exception>
    public RandomModel(string preset, MatrixFormat format, int threads)
    {
        ModelConfig config = ModelPresets.Find(preset)!.Runnable!;
        _backend = new CpuBackend(new CpuOptions { Threads = threads });
        try
        {
            Transformer = TransformerLoader.Load(config, _backend, format, new RandomWeights(config, seed: 1).View);
        }
        catch
        {
            _backend.Dispose();
            throw;
        }
    }

    /// <summary>The model.</summary>
    public Transformer Transformer { get; }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        Transformer.Dispose();
        _backend.Dispose();
    }
}
