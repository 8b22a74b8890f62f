namespace Palmyra.Backends.Reference;

/// <summary>A row-major matrix whose values have been rounded to <see cref="Matrix.Format"/> and are held as 32-bit floats.</summary>
internal sealed class ReferenceMatrix(int rows, int cols, MatrixFormat format) : Matrix(rows, cols, format)
{
    public float[] Data { get; } = new float[checked(rows * cols)];

    public override long Bytes => Data.LongLength * sizeof(float);

    public ReadOnlySpan<float> Row(int row) => Data.AsSpan(row * Cols, Cols);

    public override void Dispose()
    {
    }
}
