using System.Runtime.ExceptionServices;
using Palmyra.Backends;
using Palmyra.Checkpoints;

namespace Palmyra.Quantization;

/// <summary>The panels of a weight as a stream of bytes: made a few at a time, in parallel, when a writer comes to them.</summary>
/// <param name="rows">Rows of the weight.</param>
/// <param name="cols">Columns of the weight.</param>
/// <param name="format">Q8 or Q4.</param>
/// <param name="open">Gives the weight; called when its first byte is wanted.</param>
/// <param name="measure">Told each panel's floats [cols][16] and bytes, from several threads; or null. Not told of panels that are taken as they are.</param>
internal sealed class PanelStream(
    int rows, int cols, MatrixFormat format, Func<WeightView> open, Action<int, ReadOnlySpan<float>, ReadOnlySpan<byte>>? measure = null)
{
    private const int BatchBytes = 4 << 20;
    private readonly long _panelBytes = PanelLayout.PanelBytes(format, cols);
    private readonly int _panels = PanelLayout.Panels(rows);
    private WeightView? _weight;
    private byte[] _batch = [];
    private int _first, _count;

    /// <summary>Copies bytes; those of one panel are made once if they are asked for in order.</summary>
    /// <param name="at">The first byte.</param>
    /// <param name="destination">Filled completely.</param>
    public void Copy(long at, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int panel = (int)(at / _panelBytes);
            if (panel < _first || panel >= _first + _count)
            {
                Fill(panel);
            }

            int skip = (int)(at - (_first * _panelBytes));
            int count = (int)Math.Min((_count * _panelBytes) - skip, destination.Length);
            _batch.AsSpan(skip, count).CopyTo(destination);
            destination = destination[count..];
            at += count;
        }

        if (at == _panels * _panelBytes)
        {
            // A model's other matrices are still to come.
            (_weight, _batch, _count) = (null, [], 0);
        }
    }

    private void Fill(int panel)
    {
        WeightView weight = _weight ??= open();
        int least = Math.Max(1, (int)(BatchBytes / _panelBytes));
        (_first, _count) = (panel, Math.Min(Math.Max(least, Environment.ProcessorCount), _panels - panel));
        int bytes = checked((int)(_count * _panelBytes));
        _batch = _batch.Length >= bytes ? _batch : new byte[bytes];
        try
        {
            Parallel.For(0, _count, () => new MatrixPanels(weight, format), (i, _, panels) =>
            {
                Span<byte> one = _batch.AsSpan(i * panels.PanelBytes, panels.PanelBytes);
                panels.Copy(_first + i, one);
                if (!panels.Values.IsEmpty)
                {
                    measure?.Invoke(_first + i, panels.Values, one);
                }

                return panels;
            }, _ => { });
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }
}
