using System.Runtime.CompilerServices;
using Palmyra.Backends;

namespace Palmyra.Quantization;

/// <summary>Adds up the errors of a matrix's panels: each by itself, in parallel, then in order, so that the sums do not depend on threads.</summary>
/// <param name="rows">Rows of the matrix.</param>
/// <param name="cols">Columns of the matrix.</param>
/// <param name="format">Q8 or Q4.</param>
internal sealed class ErrorSum(int rows, int cols, MatrixFormat format)
{
    private readonly (double Difference, double Size, double Largest)[] _panels = new (double, double, double)[PanelLayout.Panels(rows)];

    /// <summary>Compares a panel with the floats [cols][16] it was made of.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(int panel, ReadOnlySpan<float> values, ReadOnlySpan<byte> bytes)
    {
        var stored = new float[cols];
        (double difference, double size, double largest) = (0, 0, 0);
        int count = Math.Min(PanelLayout.PanelRows, rows - (panel * PanelLayout.PanelRows));
        for (int row = 0; row < count; row++)
        {
            PanelLayout.CopyRow(format, bytes, row, stored);
            for (int k = 0; k < stored.Length; k++)
            {
                double value = values[(k * PanelLayout.PanelRows) + row];
                double distance = stored[k] - value;
                difference += distance * distance;
                size += value * value;
                largest = Math.Max(largest, Math.Abs(distance));
            }
        }

        _panels[panel] = (difference, size, largest);
    }

    /// <summary>The error of the panels added so far.</summary>
    public MatrixError Total(string name)
    {
        double difference = _panels.Sum(panel => panel.Difference);
        return new MatrixError(
            name, format, rows, cols,
            difference == 0 ? 0 : Math.Sqrt(difference / _panels.Sum(panel => panel.Size)),
            _panels.Max(panel => panel.Largest));
    }
}
