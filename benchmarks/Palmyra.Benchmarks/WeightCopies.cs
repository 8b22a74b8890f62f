using Palmyra.Backends;
using Palmyra.Checkpoints;

namespace Palmyra.Benchmarks;

/// <summary>One matrix as many times as it takes to exceed any cache, so that each use reads memory as decoding a large model does.</summary>
internal sealed class WeightCopies : IDisposable
{
    // As many bytes as MachineLimits.ReadBandwidth reads: several times the largest last-level caches.
    private const long EnoughBytes = 512L << 20;

    private readonly Matrix[] _copies;
    private int _next;

    /// <summary>Loads the copies.</summary>
    /// <exception cref="Diagnostics.BackendException">The backend does not know the format.</exception>
    public WeightCopies(IBackend backend, NamedShape shape, MatrixFormat format, float[] weights)
    {
        WeightView view = WeightView.FromArray(shape.Name, shape.Outputs, shape.Inputs, weights);
        var copies = new List<Matrix>();
        do
        {
            copies.Add(backend.LoadMatrix(view, format));
        }
        while (copies.Count * copies[0].Bytes < EnoughBytes);
        _copies = [.. copies];
    }

    /// <summary>How many there are.</summary>
    public int Count => _copies.Length;

    /// <summary>Bytes of all.</summary>
    public long Bytes => _copies.Length * _copies[0].Bytes;

    /// <summary>The copy that was used longest ago.</summary>
    public Matrix Next()
    {
        Matrix copy = _copies[_next];
        _next = (_next + 1) % _copies.Length;
        return copy;
    }

    /// <summary>Gives all of them back.</summary>
    public void Dispose()
    {
        foreach (Matrix copy in _copies)
        {
            copy.Dispose();
        }
    }
}
