namespace Palmyra.Backends;

/// <summary>A weight matrix [rows = outputs, cols = inputs] in a backend's own layout and a stated number format.</summary>
/// <remarks>
/// Created by <see cref="IBackend.LoadMatrix"/> and opaque from then on: <c>Linear</c>, <c>Embed</c> and <c>Score</c> take it and never
/// ask how it is stored, so there is one model whatever the format. <see cref="IBackend.ReadMatrix"/> gives the stored values back.
/// </remarks>
public abstract class Matrix : IDisposable
{
    /// <summary>Describes a matrix.</summary>
    protected Matrix(int rows, int cols, MatrixFormat format)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cols);
        Rows = rows;
        Cols = cols;
        Format = format;
    }

    /// <summary>Outputs: the rows of the matrix, tokens for an embedding.</summary>
    public int Rows { get; }

    /// <summary>Inputs: the columns of the matrix.</summary>
    public int Cols { get; }

    /// <summary>The format the values are stored in.</summary>
    public MatrixFormat Format { get; }

    /// <summary>Bytes of memory the matrix occupies, padding included.</summary>
    public abstract long Bytes { get; }

    /// <summary>Copies bytes of a Q8 or Q4 matrix as <see cref="Quantization.PanelLayout"/> has them, for a backend that keeps them or can give them.</summary>
    /// <remarks>Saving asks for this first, because quantising the values that ReadMatrix gives may find other integers for the same numbers.</remarks>
    /// <param name="offset">The first byte, counted from the first panel.</param>
    /// <param name="destination">Filled completely.</param>
    /// <returns>Whether it was; otherwise the values have to do.</returns>
    public virtual bool TryCopyPanels(long offset, Span<byte> destination) => false;

    /// <summary>Gives the memory back. Using the matrix afterwards is an error.</summary>
    public abstract void Dispose();
}
