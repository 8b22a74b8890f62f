using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Quantization;

namespace Palmyra.Conversion;

/// <summary>Writes weights as the rows of a GGUF tensor, [outputs, inputs], sixteen at a time.</summary>
/// <param name="source">Gives the view of a tensor, whatever the file's orientation.</param>
/// <param name="total">Parameters of the model, for the progress.</param>
/// <param name="progress">Told the share written; or null.</param>
/// <param name="cancellation">Looked at between panels.</param>
internal sealed class GgufRows(
    Func<WeightEntry, WeightView> source, long total, IProgress<double>? progress, CancellationToken cancellation)
{
    // The magnitude that rounding to nearest turns into infinity: half a step beyond the largest half, 65504.
    private const float FirstBeyondHalf = 65520;

    private long _written;

    /// <summary>Writes one tensor.</summary>
    /// <exception cref="CheckpointException">A number is not finite, or too large for F16.</exception>
    /// <exception cref="BackendException">A number is not finite, or too large for a block's scale.</exception>
    public void Write(WeightEntry entry, GgmlType type, Stream stream)
    {
        WeightView view = source(entry);
        MatrixFormat? format = type.GroupedFormat();
        int rowBytes = checked((int)type.Bytes(view.Cols));
        var values = new float[checked(view.Cols * PanelLayout.PanelRows)];
        var row = new float[view.Cols];
        var bytes = new byte[rowBytes];
        var panel = new byte[format is MatrixFormat grouped ? checked((int)PanelLayout.PanelBytes(grouped, view.Cols)) : 0];
        for (int first = 0; first < view.Rows; first += PanelLayout.PanelRows)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(PanelLayout.PanelRows, view.Rows - first);
            if (count < PanelLayout.PanelRows)
            {
                values.AsSpan().Clear();
            }

            // GPT-2's files hold inputs first: a panel is straight copies there, a single row would be one jump an element.
            view.CopyPanel(first, count, PanelLayout.PanelRows, values);
            if (format is MatrixFormat quantized)
            {
                PanelQuantizer.Quantize(quantized, values, view.Cols, panel, entry.Name, first);
            }

            for (int i = 0; i < count; i++)
            {
                if (format is null)
                {
                    TakeRow(values, i, row);
                    Check(view, entry, type, row, first + i);
                    (type == GgmlType.F16 ? ElementType.F16 : ElementType.F32).FromFloats(row, bytes);
                }
                else
                {
                    GgmlBlocks.FromPanel(type, panel, i, bytes);
                }

                stream.Write(bytes);
            }

            _written += (long)count * view.Cols;
            progress?.Report((double)_written / total);
        }
    }

    private static void TakeRow(ReadOnlySpan<float> panel, int row, Span<float> destination)
    {
        for (int k = 0; k < destination.Length; k++)
        {
            destination[k] = panel[(k * PanelLayout.PanelRows) + row];
        }
    }

    private static void Check(WeightView view, WeightEntry entry, GgmlType type, ReadOnlySpan<float> row, int at)
    {
        float limit = type == GgmlType.F16 ? FirstBeyondHalf : float.PositiveInfinity;
        for (int k = 0; k < row.Length; k++)
        {
            if (!(MathF.Abs(row[k]) < limit))
            {
                string expected = float.IsFinite(row[k]) ? "numbers up to 65504 fit F16; use f32" : "only finite numbers are written";
                throw new CheckpointException($"{view.File}: weight '{entry.Name}' holds {row[k]} at row {at}, column {k}; {expected}.");
            }
        }
    }
}
