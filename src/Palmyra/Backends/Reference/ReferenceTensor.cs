namespace Palmyra.Backends.Reference;

/// <summary>Rows in one managed array, without padding.</summary>
internal sealed class ReferenceTensor(int capacity, int cols) : Tensor(capacity, cols)
{
    private readonly float[] _data = new float[checked(capacity * cols)];

    public Span<float> Data => _data.AsSpan(0, Rows * Cols);

    public Span<float> Row(int row) => _data.AsSpan(row * Cols, Cols);

    public override void Dispose()
    {
    }
}
