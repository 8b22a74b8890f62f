using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;
using Palmyra.Quantization;

namespace Palmyra.Gpu;

/// <summary>Weights in device memory, row by row: a row is one output's inputs.</summary>
/// <remarks>
/// Two areas, the numbers at <see cref="Address"/> and, in Q8 and Q4 only, the scales at <see cref="ScalesAddress"/>. Every row of either
/// begins at a multiple of 16 bytes; there is nothing behind the last row of an area that may be read.
/// <code>
/// F32       [row][Stride] floats                    Stride = columns rounded up to 8; padding is zero
/// F16, BF16 [row][Stride] 16 bits each              F16 is IEEE's (not the CPU's raised code), BF16 the upper half of a float
/// Q8        [row][group] 32 signed bytes, in order  Stride = 32·groups bytes
/// Q4        [row][group] 4 words of 32 bits         Stride = 16·groups bytes; a nibble holds q + 8, padding is q = 0, so 8
/// scales    [row][ScaleStride] IEEE halves          one a group; ScaleStride = groups rounded up to 8; padding is zero
/// </code>
/// Nibbles of word w of a Q4 group, from the lowest bits: columns 4w, 16+4w, 4w+2, 16+4w+2, 4w+1, 16+4w+1, 4w+3, 16+4w+3. That is, in
/// the low nibbles of its four bytes lie columns 4w + (0, 2, 1, 3) and in the high ones the columns 16 further on. So a mask of 0x0F0F0F0F
/// makes four bytes for dp4a (against inputs in the order 0, 2, 1, 3), and one of 0x000F000F, after a shift by 0, 8, 4 or 12, makes two
/// NEIGHBOURING columns for pairs of halves and the tensor cores: 4w and 4w+1, 4w+2 and 4w+3, 16+4w and 16+4w+1, 16+4w+2 and 16+4w+3.
/// </remarks>
internal sealed class GpuMatrix : Matrix
{
    /// <summary>What the scales of a row are padded to a multiple of.</summary>
    private const int ScalePiece = 8;

    /// <summary>Bytes of rows that are converted at a time.</summary>
    private const int BlockBytes = 8 << 20;

    /// <summary>Rows that a thread converts together.</summary>
    private const int PanelRows = PanelLayout.PanelRows;

    private readonly IGpuDriver _driver;
    private readonly DevicePiece _memory;
    private readonly long _scalesOffset;

    private GpuMatrix(int rows, int cols, MatrixFormat format, DeviceMemory memory, IGpuDriver driver)
        : base(rows, cols, format)
    {
        _driver = driver;
        (Stride, RowBytes) = Layout(format, cols);
        ScaleStride = ScaleStrideOf(format, cols);
        _scalesOffset = ScalesOffset(rows, RowBytes);
        _memory = memory.Allocate(BytesOf(rows, cols, format));
    }

    /// <summary>From a row to the next: numbers in F32, F16 and BF16, bytes in Q8 and Q4.</summary>
    public int Stride { get; }

    /// <summary>Bytes from a row to the next; a multiple of 16.</summary>
    public int RowBytes { get; }

    /// <summary>Halves from a row's scales to the next; 0 where there are none.</summary>
    public int ScaleStride { get; }

    /// <summary>Where the numbers lie on the device.</summary>
    public nint Address => _memory.Address;

    /// <summary>Where the scales lie on the device, of Q8 and Q4.</summary>
    public nint ScalesAddress => _memory.Address + (nint)_scalesOffset;

    /// <inheritdoc/>
    public override long Bytes => _memory.Bytes;

    /// <summary>Bytes that a matrix takes.</summary>
    public static long BytesOf(int rows, int cols, MatrixFormat format) =>
        ScalesOffset(rows, Layout(format, cols).RowBytes) + ((long)rows * ScaleStrideOf(format, cols) * sizeof(ushort));

    /// <summary>Reads, converts and uploads a weight in blocks of rows, so that the host never holds all of it.</summary>
    /// <exception cref="BackendException">There is not enough memory, or a number does not fit the format.</exception>
    public static GpuMatrix Load(WeightView weight, MatrixFormat format, DeviceMemory memory, IGpuDriver driver)
    {
        if (!Enum.IsDefined(format))
        {
            throw new BackendException($"The GPU backend does not store weights as {format}; it knows F32, F16, BF16, Q8 and Q4.");
        }

        var matrix = new GpuMatrix(weight.Rows, weight.Cols, format, memory, driver);
        try
        {
            if (format.IsGrouped())
            {
                matrix.LoadGroups(weight);
            }
            else
            {
                matrix.LoadFloats(weight);
            }
        }
        catch (Exception failure)
        {
            // Rows are converted in parallel; of several failures (a number out of range, a file that ends early) the first is told.
            matrix.Dispose();
            ExceptionDispatchInfo.Throw(failure is AggregateException { InnerException: Exception first } ? first : failure);
        }

        return matrix;
    }

    /// <summary>Copies the stored values out exactly, row-major without padding.</summary>
    public void Read(Span<float> destination)
    {
        int most = Math.Min(Rows, Math.Max(1, BlockBytes / RowBytes));
        var numbers = new byte[most * RowBytes];
        var scales = new ushort[most * ScaleStride];
        for (int first = 0; first < Rows; first += most)
        {
            int count = Math.Min(most, Rows - first);
            Fetch(first, count, numbers, scales);
            for (int row = 0; row < count; row++)
            {
                Decode(
                    numbers.AsSpan(row * RowBytes, RowBytes),
                    scales.AsSpan(row * ScaleStride, ScaleStride),
                    destination.Slice(checked((first + row) * Cols), Cols));
            }
        }
    }

    /// <inheritdoc/>
    public override bool TryCopyPanels(long offset, Span<byte> destination)
    {
        if (!Format.IsGrouped())
        {
            return false;
        }

        long panelBytes = PanelLayout.PanelBytes(Format, Cols);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, PanelLayout.Bytes(Format, Rows, Cols) - destination.Length);
        var numbers = new byte[PanelRows * RowBytes];
        var scales = new ushort[PanelRows * ScaleStride];
        var bytes = new byte[panelBytes];
        while (!destination.IsEmpty)
        {
            (long panel, long skipped) = Math.DivRem(offset, panelBytes);
            int first = (int)panel * PanelRows;
            int rows = Math.Min(PanelRows, Rows - first);
            Fetch(first, rows, numbers, scales);
            MakePanel(numbers, scales, rows, bytes);
            int count = (int)Math.Min(panelBytes - skipped, destination.Length);
            bytes.AsSpan((int)skipped, count).CopyTo(destination);
            destination = destination[count..];
            offset += count;
        }

        return true;
    }

    /// <inheritdoc/>
    public override void Dispose() => _memory.Dispose();

    private static int ScaleStrideOf(MatrixFormat format, int cols) =>
        format.IsGrouped() ? (PanelLayout.Groups(cols) + ScalePiece - 1) / ScalePiece * ScalePiece : 0;

    private static long ScalesOffset(int rows, int rowBytes) =>
        (((long)rows * rowBytes) + DeviceMemory.Alignment - 1) / DeviceMemory.Alignment * DeviceMemory.Alignment;

    private static (int Stride, int RowBytes) Layout(MatrixFormat format, int cols)
    {
        int padded = GpuTensor.StrideOf(cols);
        int groups = PanelLayout.Groups(cols);
        (long stride, long bytes) = format switch
        {
            MatrixFormat.F32 => (padded, (long)padded * sizeof(float)),
            MatrixFormat.F16 or MatrixFormat.BF16 => (padded, (long)padded * sizeof(ushort)),
            MatrixFormat.Q8 => ((long)groups * PanelLayout.GroupSize, (long)groups * PanelLayout.GroupSize),
            _ => ((long)groups * PanelLayout.GroupSize / 2, (long)groups * PanelLayout.GroupSize / 2),
        };
        return bytes <= int.MaxValue
            ? ((int)stride, (int)bytes)
            : throw new BackendException($"A matrix of {cols:N0} columns in {format} is too large for the GPU backend.");
    }

    private void LoadFloats(WeightView weight)
    {
        int most = Math.Min(Rows, Math.Max(1, BlockBytes / RowBytes / PanelRows) * PanelRows);
        byte[] converted = [];
        for (int first = 0; first < Rows;)
        {
            // What lies in the file as it shall lie here goes from there to the driver's pinned memory.
            ReadOnlySpan<byte> stored = Cols == Stride ? weight.StoredRows(first, most, Format) : default;
            int count = stored.IsEmpty ? Math.Min(most, Rows - first) : stored.Length / RowBytes;
            if (stored.IsEmpty)
            {
                converted = converted.Length > 0 ? converted : new byte[most * RowBytes];
                Convert(weight, first, count, converted);
                stored = converted.AsSpan(0, count * RowBytes);
            }

            _driver.CopyIn(Address + (first * (nint)RowBytes), stored);
            first += count;
        }
    }

    private void Convert(WeightView weight, int first, int count, byte[] stored)
    {
        Parallel.For(
            0,
            (count + PanelRows - 1) / PanelRows,
            () => new float[(PanelRows + 1) * Cols],
            (panel, _, values) =>
            {
                int row = panel * PanelRows;
                int rows = Math.Min(PanelRows, count - row);
                if (weight.IsTransposed)
                {
                    weight.CopyPanel(first + row, rows, PanelRows, values);
                }
                else
                {
                    weight.CopyRows(first + row, rows, values);
                }

                for (int i = 0; i < rows; i++)
                {
                    Encode(weight, RowOf(weight, values, i), stored.AsSpan((row + i) * RowBytes, RowBytes));
                }

                return values;
            },
            _ => { });
    }

    /// <summary>One of the rows that were read; turned, it takes the room behind them.</summary>
    private ReadOnlySpan<float> RowOf(WeightView weight, Span<float> values, int row)
    {
        if (!weight.IsTransposed)
        {
            return values.Slice(row * Cols, Cols);
        }

        Span<float> turned = values[(PanelRows * Cols)..];
        for (int k = 0; k < turned.Length; k++)
        {
            turned[k] = values[(k * PanelRows) + row];
        }

        return turned;
    }

    /// <summary>Quantises panel by panel as the CPU does, so that the integers are the same, and takes the panels' rows apart.</summary>
    private void LoadGroups(WeightView weight)
    {
        int panels = Math.Clamp(BlockBytes / (PanelRows * RowBytes), 1, PanelLayout.Panels(Rows));
        var stored = new byte[panels * PanelRows * RowBytes];
        var scales = new ushort[panels * PanelRows * ScaleStride];
        for (int first = 0; first < PanelLayout.Panels(Rows); first += panels)
        {
            int count = Math.Min(panels, PanelLayout.Panels(Rows) - first);
            Parallel.For(
                0,
                count,
                () => new MatrixPanels(weight, Format),
                (panel, _, source) =>
                {
                    var bytes = new byte[source.PanelBytes];
                    source.Copy(first + panel, bytes);
                    for (int row = 0; row < PanelRows; row++)
                    {
                        int at = (panel * PanelRows) + row;
                        TakeRow(bytes, row, stored.AsSpan(at * RowBytes, RowBytes), scales.AsSpan(at * ScaleStride, ScaleStride));
                    }

                    return source;
                },
                _ => { });
            int firstRow = first * PanelRows;
            int rows = Math.Min(count * PanelRows, Rows - firstRow);
            _driver.CopyIn(Address + (firstRow * (nint)RowBytes), stored.AsSpan(0, rows * RowBytes));
            _driver.CopyIn(
                ScalesAddress + (firstRow * (nint)ScaleStride * sizeof(ushort)), MemoryMarshal.AsBytes(scales.AsSpan(0, rows * ScaleStride)));
        }
    }

    /// <summary>Copies rows and their scales to the host.</summary>
    private void Fetch(int first, int count, Span<byte> numbers, Span<ushort> scales)
    {
        _driver.CopyOut(numbers[..(count * RowBytes)], Address + (first * (nint)RowBytes));
        if (ScaleStride > 0)
        {
            Span<byte> bytes = MemoryMarshal.AsBytes(scales[..(count * ScaleStride)]);
            _driver.CopyOut(bytes, ScalesAddress + (first * (nint)ScaleStride * sizeof(ushort)));
        }
    }

    /// <summary>Puts rows together as <see cref="TakeRow"/> takes them apart.</summary>
    private void MakePanel(ReadOnlySpan<byte> numbers, ReadOnlySpan<ushort> scales, int rows, Span<byte> panel)
    {
        Span<sbyte> quants = stackalloc sbyte[PanelLayout.GroupSize];
        panel.Clear();

        // A row that does not exist is what quantising zeros gives: integers of 0 and a scale of 0, which Q4's division by −8 leaves negative.
        Half absent = Format == MatrixFormat.Q4 ? Half.NegativeZero : Half.Zero;
        for (int row = 0; row < PanelRows; row++)
        {
            for (int group = 0; group < PanelLayout.Groups(Cols); group++)
            {
                Half scale = row < rows ? BitConverter.UInt16BitsToHalf(scales[(row * ScaleStride) + group]) : absent;
                quants.Clear();
                if (row < rows)
                {
                    TakeGroup(numbers.Slice((row * RowBytes) + (group * RowBytes / PanelLayout.Groups(Cols))), quants);
                }

                PanelLayout.WriteGroup(Format, panel, row, group, quants, scale);
            }
        }
    }

    private void TakeGroup(ReadOnlySpan<byte> stored, Span<sbyte> quants)
    {
        for (int k = 0; k < quants.Length; k++)
        {
            quants[k] = (sbyte)(Format == MatrixFormat.Q8 ? (sbyte)stored[k] : Nibble(stored, k) - 8);
        }
    }

    private void TakeRow(ReadOnlySpan<byte> panel, int row, Span<byte> stored, Span<ushort> scales)
    {
        Span<sbyte> quants = stackalloc sbyte[PanelLayout.GroupSize];
        for (int group = 0; group < PanelLayout.Groups(Cols); group++)
        {
            scales[group] = BitConverter.HalfToUInt16Bits(PanelLayout.ReadGroup(Format, panel, row, group, quants));
            if (Format == MatrixFormat.Q8)
            {
                MemoryMarshal.AsBytes(quants).CopyTo(stored[(group * PanelLayout.GroupSize)..]);
                continue;
            }

            Span<byte> packed = stored.Slice(group * PanelLayout.GroupSize / 2, PanelLayout.GroupSize / 2);
            for (int i = 0; i < packed.Length; i++)
            {
                int column = ColumnOfByte(i);
                packed[i] = (byte)((quants[column] + 8) | ((quants[column + 16] + 8) << 4));
            }
        }
    }

    private void Encode(WeightView weight, ReadOnlySpan<float> values, Span<byte> stored)
    {
        switch (Format)
        {
            case MatrixFormat.F32:
                values.CopyTo(MemoryMarshal.Cast<byte, float>(stored));
                break;
            case MatrixFormat.BF16:
                ElementType.BF16.FromFloats(values, stored[..(values.Length * sizeof(ushort))]);
                break;
            default:
                Span<Half> halves = MemoryMarshal.Cast<byte, Half>(stored);
                for (int i = 0; i < values.Length; i++)
                {
                    halves[i] = (Half)values[i];
                    if (Half.IsInfinity(halves[i]) && float.IsFinite(values[i]))
                    {
                        throw new BackendException(
                            $"Weight '{weight.Name}' holds {values[i]}, beyond the range of F16 (±65504); load the model as bf16 or f32 instead.");
                    }
                }

                break;
        }
    }

    private void Decode(ReadOnlySpan<byte> stored, ReadOnlySpan<ushort> scales, Span<float> values)
    {
        for (int c = 0; c < values.Length; c++)
        {
            int group = c / PanelLayout.GroupSize;
            values[c] = Format switch
            {
                MatrixFormat.F32 => MemoryMarshal.Cast<byte, float>(stored)[c],
                MatrixFormat.F16 => (float)MemoryMarshal.Cast<byte, Half>(stored)[c],
                MatrixFormat.BF16 => BitConverter.Int32BitsToSingle(MemoryMarshal.Cast<byte, ushort>(stored)[c] << 16),
                MatrixFormat.Q8 => (sbyte)stored[c] * (float)BitConverter.UInt16BitsToHalf(scales[group]),
                _ => (Nibble(stored[(group * PanelLayout.GroupSize / 2)..], c % PanelLayout.GroupSize) - 8)
                    * (float)BitConverter.UInt16BitsToHalf(scales[group]),
            };
        }
    }

    private static int Nibble(ReadOnlySpan<byte> group, int column)
    {
        // ColumnOfByte is its own inverse: it swaps the two middle ones of every four.
        int packed = group[ColumnOfByte(column % 16)];
        return column < 16 ? packed & 15 : packed >> 4;
    }

    private static int ColumnOfByte(int i) => (i & ~3) | ((i & 1) << 1) | ((i >> 1) & 1);
}
