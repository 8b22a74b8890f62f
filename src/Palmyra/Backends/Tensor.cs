namespace Palmyra.Backends;

/// <summary>Rows of 32-bit floats that live on a backend: one row is one token of one sequence.</summary>
/// <remarks>
/// There are no ranks, strides or broadcasting. A tensor is allocated once for its <see cref="Capacity"/> and then carries
/// <see cref="Rows"/> of it, so that a step of generation allocates nothing. How a row is laid out in memory is the backend's affair;
/// <see cref="IBackend.Write"/> and <see cref="IBackend.Read"/> speak row-major [rows, cols] without padding.
/// </remarks>
public abstract class Tensor : IDisposable
{
    private int _rows;

    /// <summary>Describes a tensor of <paramref name="capacity"/> rows of <paramref name="cols"/> numbers, all rows in use.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive.</exception>
    protected Tensor(int capacity, int cols)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cols);
        Capacity = capacity;
        Cols = cols;
        _rows = capacity;
    }

    /// <summary>The number of rows there is memory for.</summary>
    public int Capacity { get; }

    /// <summary>The number of columns.</summary>
    public int Cols { get; }

    /// <summary>The number of rows in use, from 0 to <see cref="Capacity"/>. Changing it moves no data.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside 0..<see cref="Capacity"/>.</exception>
    public int Rows
    {
        get => _rows;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Capacity);
            _rows = value;
        }
    }

    /// <summary>Gives the memory back. Using the tensor afterwards is an error.</summary>
    public abstract void Dispose();
}
