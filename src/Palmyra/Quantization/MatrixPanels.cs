using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Quantization;

/// <summary>A weight as panels of Q8 or Q4: taken as they are where the checkpoint has them in that format, quantised otherwise.</summary>
/// <remarks>
/// The stored numbers are taken rather than quantised again because a file may hold groups that quantising would not give back, such as one
/// whose largest integer is not 127. Not thread-safe: each thread makes its own.
/// </remarks>
/// <param name="weight">The weight.</param>
/// <param name="format">Q8 or Q4.</param>
internal sealed class MatrixPanels(WeightView weight, MatrixFormat format)
{
    private readonly PackedMatrix? _packed = weight.Packed is PackedMatrix packed && packed.Format == format ? packed : null;
    private float[] _values = [];

    /// <summary>Bytes of a panel.</summary>
    public int PanelBytes { get; } = checked((int)PanelLayout.PanelBytes(format, weight.Cols));

    /// <summary>The floats the last panel was made from, [cols][16]; empty if it was taken as it is.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>Copies one panel.</summary>
    /// <param name="panel">The panel, from 0.</param>
    /// <param name="destination">Receives <see cref="PanelBytes"/> bytes.</param>
    /// <exception cref="BackendException">A number cannot be quantised.</exception>
    public void Copy(int panel, Span<byte> destination)
    {
        if (_packed is not null)
        {
            _packed.Panel(panel).CopyTo(destination);
            return;
        }

        int first = panel * PanelLayout.PanelRows;
        int count = Math.Min(PanelLayout.PanelRows, weight.Rows - first);
        if (_values.Length == 0)
        {
            _values = new float[checked(weight.Cols * PanelLayout.PanelRows)];
        }

        if (count < PanelLayout.PanelRows)
        {
            Array.Clear(_values);
        }

        weight.CopyPanel(first, count, PanelLayout.PanelRows, _values);
        PanelQuantizer.Quantize(format, _values, weight.Cols, destination[..PanelBytes], weight.Name, first);
    }
}
