using Palmyra.Quantization;

namespace Palmyra.Backends.Reference;

/// <summary>A row-major matrix whose values have been rounded to <see cref="Matrix.Format"/> and are held as 32-bit floats.</summary>
internal sealed class ReferenceMatrix(int rows, int cols, MatrixFormat format) : Matrix(rows, cols, format)
{
    public float[] Data { get; } = new float[checked(rows * cols)];

    /// <summary>The integers that <see cref="Data"/> spells out; empty for the formats of floats.</summary>
    public byte[] Panels { get; } = format.IsGrouped() ? new byte[PanelLayout.Bytes(format, rows, cols)] : [];

    public override bool TryCopyPanels(long offset, Span<byte> destination)
    {
        if (!Format.IsGrouped())
        {
            return false;
        }

        Panels.AsSpan((int)offset, destination.Length).CopyTo(destination);
        return true;
    }

    public override long Bytes => (Data.LongLength * sizeof(float)) + Panels.LongLength;

    public ReadOnlySpan<float> Row(int row) => Data.AsSpan(row * Cols, Cols);

    public override void Dispose()
    {
    }
}
