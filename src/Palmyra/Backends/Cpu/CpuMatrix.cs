using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Palmyra.Backends.Cpu.Kernels;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu;

/// <summary>Weights in panels, the order in which kernels read them.</summary>
/// <remarks>
/// F32: [outputs/panel][inputs][panel]. F16 and BF16: the same with the weights of two following inputs in one 32-bit word, an odd last
/// input paired with 0. Q8 and Q4: <see cref="PanelLayout"/>'s. One copy serves decoding, prefill and embedding. Narrow formats stay
/// narrow in memory. Outputs beyond the last are zeros.
/// </remarks>
internal sealed unsafe class CpuMatrix : Matrix
{
    private readonly IDisposable _memory;
    private byte* _panels;

    private CpuMatrix(WeightView weight, MatrixFormat format, int panelWidth, WeightArena arena)
        : base(weight.Rows, weight.Cols, format)
    {
        PanelWidth = format.IsGrouped() ? PanelLayout.PanelRows : panelWidth;
        PanelCount = (int)(((long)Rows + PanelWidth - 1) / PanelWidth);
        PanelBytes = checked((nint)BytesOfPanel(format, Cols, panelWidth));
        IsRaised = format == MatrixFormat.F16;
        if (format.IsGrouped() && weight.Packed is PackedMatrix packed && packed.Format == format)
        {
            ByteLease lease = packed.Lease();
            _memory = lease;
            _panels = (byte*)lease.Address;
            IsMapped = true;
        }
        else
        {
            WeightArena.Piece piece = arena.Allocate((Int128)PanelCount * PanelBytes, $"weight '{weight.Name}' [{Rows}, {Cols}] as {format}");
            _memory = piece;
            _panels = piece.Start;
        }
    }

    /// <summary>Whether the panels are used where the checkpoint's file is mapped.</summary>
    public bool IsMapped { get; }

    /// <summary>Outputs of a panel.</summary>
    public int PanelWidth { get; }

    /// <summary>The number of panels.</summary>
    public int PanelCount { get; }

    /// <summary>Bytes from a panel to the next.</summary>
    public nint PanelBytes { get; }

    /// <summary>Whether an F16 matrix holds <see cref="RaisedHalf"/> codes, as all but matrices with very large numbers do.</summary>
    public bool IsRaised { get; private set; }

    /// <summary>The first panel.</summary>
    /// <exception cref="ObjectDisposedException">The matrix was disposed.</exception>
    public byte* Panels
    {
        get
        {
            ObjectDisposedException.ThrowIf(_panels == null, this);
            return _panels;
        }
    }

    /// <inheritdoc/>
    public override long Bytes => (long)PanelCount * PanelBytes;

    /// <summary>Reads, converts and lays out a weight, panels in parallel; one that its file holds as it is wanted is used where it is mapped.</summary>
    public static CpuMatrix Load(WeightView weight, MatrixFormat format, int panelWidth, WeightArena arena, WorkerPool pool)
    {
        var matrix = new CpuMatrix(weight, format, panelWidth, arena);
        if (matrix.IsMapped)
        {
            return matrix;
        }

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
            if (matrix.IsRaised)
            {
                pool.Run(matrix.PanelCount, chunk: 1, (start, end, _) => matrix.Raise(start, end));
            }
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
            default:
                ushort* codes = (ushort*)start + (2 * lane);
                for (int k = 0; k < Cols; k++)
                {
                    destination[k] = Decode(codes[((nint)k / 2 * 2 * PanelWidth) + (k % 2)]);
                }

                break;
        }
    }

    /// <inheritdoc/>
    public override bool TryCopyPanels(long offset, Span<byte> destination)
    {
        if (!Format.IsGrouped())
        {
            return false;
        }

        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Bytes - destination.Length);
        new ReadOnlySpan<byte>(Panels + offset, destination.Length).CopyTo(destination);
        return true;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _panels = null;
        _memory.Dispose();
    }

    private static long BytesOfPanel(MatrixFormat format, int cols, int panelWidth) => format switch
    {
        MatrixFormat.F32 => (long)cols * panelWidth * sizeof(float),
        MatrixFormat.F16 or MatrixFormat.BF16 => ((long)cols + 1) / 2 * panelWidth * sizeof(uint),
        MatrixFormat.Q8 or MatrixFormat.Q4 => PanelLayout.PanelBytes(format, cols),
        _ => throw new BackendException($"The CPU backend does not store weights as {format}; it knows F32, F16, BF16, Q8 and Q4."),
    };

    private float Decode(ushort code) =>
        Format == MatrixFormat.BF16 ? BitConverter.UInt32BitsToSingle((uint)code << 16)
        : IsRaised ? RaisedHalf.Decode(code)
        : (float)BitConverter.UInt16BitsToHalf(code);

    private void LoadPanel(WeightView weight, int panel, ref NativeBuffer? scratch)
    {
        int first = panel * PanelWidth;
        int count = Math.Min(PanelWidth, Rows - first);
        int length = checked(Cols * PanelWidth);
        byte* stored = Panels + (panel * PanelBytes);
        if (Format != MatrixFormat.F32)
        {
            scratch = NativeBuffer.Grow(scratch, (long)length * (sizeof(float) + sizeof(ushort)), "converting weights");
        }

        var values = new Span<float>(Format == MatrixFormat.F32 ? stored : scratch!.Start, length);
        if (count < PanelWidth)
        {
            values.Clear();
        }

        weight.CopyPanel(first, count, PanelWidth, values);
        switch (Format)
        {
            case MatrixFormat.Q8 or MatrixFormat.Q4:
                PanelQuantizer.Quantize(Format, values, Cols, new Span<byte>(stored, checked((int)PanelBytes)), weight.Name, first);
                break;
            case MatrixFormat.F16 or MatrixFormat.BF16:
                var codes = new Span<ushort>(scratch!.Floats + length, length);
                Narrow(weight, values, codes);
                Pair(codes, (uint*)stored);
                break;
        }
    }

    /// <summary>Rounds to 16 bits.</summary>
    private void Narrow(WeightView weight, ReadOnlySpan<float> values, Span<ushort> codes)
    {
        if (Format == MatrixFormat.BF16)
        {
            ElementType.BF16.FromFloats(values, MemoryMarshal.AsBytes(codes));
            return;
        }

        Span<Half> halves = MemoryMarshal.Cast<ushort, Half>(codes);
        TensorPrimitives.ConvertToHalf(values, halves);
        float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(values));
        if (!(largest < RaisedHalf.Limit))
        {
            IsRaised = false;
            for (int i = 0; i < halves.Length; i++)
            {
                if (Half.IsInfinity(halves[i]) && float.IsFinite(values[i]))
                {
                    throw new BackendException(
                        $"Weight '{weight.Name}' holds {values[i]}, beyond the range of F16 (±65504); load the model as bf16 or f32 instead.");
                }
            }
        }
    }

    /// <summary>Puts the codes of two following inputs into one word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Pair(ReadOnlySpan<ushort> codes, uint* words)
    {
        int width = PanelWidth;
        for (int k = 0; k < Cols; k += 2, words += width)
        {
            ReadOnlySpan<ushort> even = codes.Slice(k * width, width);
            if (k + 1 == Cols)
            {
                for (int i = 0; i < even.Length; i++)
                {
                    words[i] = even[i];
                }

                return;
            }

            ReadOnlySpan<ushort> odd = codes.Slice((k + 1) * width, width);
            for (int i = 0; i < even.Length; i++)
            {
                words[i] = even[i] | ((uint)odd[i] << 16);
            }
        }
    }

    /// <summary>Replaces the halves of some panels by their raised codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Raise(int start, int end)
    {
        ushort* code = (ushort*)(Panels + (start * PanelBytes));
        ushort* last = (ushort*)(Panels + (end * PanelBytes));
        for (; code != last; code++)
        {
            *code = RaisedHalf.Encode(*code);
        }
    }
}
