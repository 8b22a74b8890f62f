using System.Numerics.Tensors;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu;

/// <summary>Weights in panels, the order in which kernels read them: [outputs/panel][inputs][panel] for floats (<see cref="Kernels.PanelProduct"/>),
/// <see cref="PanelLayout"/>'s for Q8 and Q4.</summary>
/// <remarks>One copy serves decoding, prefill and embedding. Narrow formats stay narrow in memory. Outputs beyond the last are zeros.</remarks>
internal sealed unsafe class CpuMatrix : Matrix
{
    private readonly WeightArena.Piece _memory;

    private CpuMatrix(int rows, int cols, MatrixFormat format, int panelWidth, WeightArena arena, string name)
        : base(rows, cols, format)
    {
        PanelWidth = format.IsGrouped() ? PanelLayout.PanelRows : panelWidth;
        PanelCount = (int)(((long)rows + PanelWidth - 1) / PanelWidth);
        PanelBytes = checked((nint)(format.IsGrouped() ? PanelLayout.PanelBytes(format, cols) : (long)cols * panelWidth * SizeOf(format)));
        _memory = arena.Allocate((Int128)PanelCount * PanelBytes, $"weight '{name}' [{rows}, {cols}] as {format}");
    }

    /// <summary>Outputs of a panel.</summary>
    public int PanelWidth { get; }

    /// <summary>The number of panels.</summary>
    public int PanelCount { get; }

    /// <summary>Bytes from a panel to the next.</summary>
    public nint PanelBytes { get; }

    /// <summary>Whether an F16 matrix holds neither infinities nor NaN, which a shorter kernel then serves.</summary>
    public bool IsFinite { get; private set; } = true;

    /// <summary>The first panel.</summary>
    public byte* Panels => _memory.Start;

    /// <inheritdoc/>
    public override long Bytes => _memory.Bytes;

    /// <summary>Reads, converts and lays out a weight, panels in parallel.</summary>
    public static CpuMatrix Load(WeightView weight, MatrixFormat format, int panelWidth, WeightArena arena, WorkerPool pool)
    {
        var matrix = new CpuMatrix(weight.Rows, weight.Cols, format, panelWidth, arena, weight.Name);
        var wide = new NativeBuffer?[pool.Threads];
        try
        {
            pool.Run(matrix.PanelCount, chunk: 1, (start, end, worker) =>
            {
                for (int panel = start; panel < end; panel++)
                {
                    matrix.LoadPanel(weight, panel, ref wide[worker]);
                }
            });
        }
        catch
        {
            matrix.Dispose();
            throw;
        }
        finally
        {
            foreach (NativeBuffer? buffer in wide)
            {
                buffer?.Dispose();
            }
        }

        return matrix;
    }

    /// <summary>Copies one row out as floats, exactly.</summary>
    public void CopyRow(int row, float* destination)
    {
        int panel = row / PanelWidth;
        int lane = row - (panel * PanelWidth);
        byte* start = Panels + (panel * PanelBytes);
        switch (Format)
        {
            case MatrixFormat.Q8 or MatrixFormat.Q4:
                PanelLayout.CopyRow(Format, new ReadOnlySpan<byte>(start, checked((int)PanelBytes)), lane, new Span<float>(destination, Cols));
                break;
            case MatrixFormat.F32:
                float* singles = (float*)start + lane;
                for (int k = 0; k < Cols; k++, singles += PanelWidth)
                {
                    destination[k] = *singles;
                }

                break;
            case MatrixFormat.F16:
                Half* halves = (Half*)start + lane;
                for (int k = 0; k < Cols; k++, halves += PanelWidth)
                {
                    destination[k] = (float)*halves;
                }

                break;
            default:
                ushort* upper = (ushort*)start + lane;
                for (int k = 0; k < Cols; k++, upper += PanelWidth)
                {
                    destination[k] = BitConverter.UInt32BitsToSingle((uint)*upper << 16);
                }

                break;
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _memory.Dispose();

    private static int SizeOf(MatrixFormat format) => format switch
    {
        MatrixFormat.F32 => sizeof(float),
        MatrixFormat.F16 or MatrixFormat.BF16 => sizeof(ushort),
        _ => throw new BackendException($"The CPU backend does not store weights as {format}; it knows F32, F16, BF16, Q8 and Q4."),
    };

    private void LoadPanel(WeightView weight, int panel, ref NativeBuffer? wide)
    {
        int first = panel * PanelWidth;
        int count = Math.Min(PanelWidth, Rows - first);
        int length = checked(Cols * PanelWidth);
        byte* stored = Panels + (panel * PanelBytes);
        if (Format != MatrixFormat.F32)
        {
            wide = NativeBuffer.Grow(wide, (long)length * sizeof(float), "converting weights");
        }

        var values = new Span<float>(Format == MatrixFormat.F32 ? stored : wide!.Start, length);
        if (count < PanelWidth)
        {
            values.Clear();
        }

        weight.CopyPanel(first, count, PanelWidth, values);
        if (Format.IsGrouped())
        {
            PanelQuantizer.Quantize(Format, values, Cols, new Span<byte>(stored, checked((int)PanelBytes)), weight.Name, first);
            return;
        }

        if (Format == MatrixFormat.F16)
        {
            var halves = new Span<Half>(stored, length);
            TensorPrimitives.ConvertToHalf(values, halves);
            if (!CheckRange(weight, values, halves))
            {
                IsFinite = false;
            }
        }
        else if (Format == MatrixFormat.BF16)
        {
            ElementType.BF16.FromFloats(values, new Span<byte>(stored, checked(length * sizeof(ushort))));
        }
    }

    /// <summary>Refuses numbers that became infinite; tells whether all are finite.</summary>
    private static bool CheckRange(WeightView weight, ReadOnlySpan<float> values, ReadOnlySpan<Half> halves)
    {
        bool finite = true;
        for (int i = 0; i < halves.Length; i++)
        {
            if (!Half.IsFinite(halves[i]))
            {
                finite = false;
                if (float.IsFinite(values[i]))
                {
                    throw new BackendException(
                        $"Weight '{weight.Name}' holds {values[i]}, beyond the range of F16 (±65504); load the model as bf16 or f32 instead.");
                }
            }
        }

        return finite;
    }
}
