using System.Buffers.Binary;
using Palmyra.Backends;

namespace Palmyra.Quantization;

/// <summary>Where the numbers of a Q8 or Q4 matrix lie, in memory and in files alike: panels of sixteen rows.</summary>
/// <remarks>
/// <code>
/// panel       [group 0][group 1] .. [group G−1], zeros up to a multiple of 64 bytes
/// group       [integers: 512 bytes (Q8) or 256 (Q4)][scales of the 16 rows: 16 halves, their exponents raised by 10]
/// Q8 integers [pair 0..15][row 0..15][2]  one signed byte for each number: of columns 2·pair and 2·pair + 1
/// Q4 integers [quad 0..3][row 0..15]      one 32-bit word for eight numbers: column 8·quad + 4·n + b has nibble n of byte b, holding q + 8
/// </code>
/// So for sixteen rows two columns (Q8) or four (Q4, after a mask) fill the 32-bit lanes of a vector, whatever the vector's width.
/// Scales are halves below 128; raising their exponents (what was 2⁻²⁴ is then a normal number, and what was 128 has no code) spares the
/// kernels subnormal floats. Rows beyond the last and columns beyond the last are zeros (q = 0, scale 0 for a row that does not exist).
/// A row of a group means q·scale, the same numbers as ggml's Q8_0 and Q4_0: only their places differ.
/// </remarks>
public static class PanelLayout
{
    /// <summary>Rows of a panel.</summary>
    public const int PanelRows = 16;

    /// <summary>Columns that share a scale.</summary>
    public const int GroupSize = 32;

    /// <summary>Every scale is smaller than this in magnitude: numbers up to 16,252 can be stored as Q8, up to 1,023 as Q4.</summary>
    public const float ScaleLimit = RaisedHalf.Limit;

    /// <summary>Bytes of a group's scales in a panel.</summary>
    internal const int ScaleBytes = PanelRows * sizeof(ushort);

    /// <summary>Two columns of a Q8 panel: the unit its kernels multiply.</summary>
    internal const int Q8PairBytes = 2 * PanelRows;

    /// <summary>Bytes of a Q8 group's integers.</summary>
    internal const int Q8IntegerBytes = GroupSize / 2 * Q8PairBytes;

    /// <summary>Bytes of a Q8 group in a panel.</summary>
    internal const int Q8GroupBytes = Q8IntegerBytes + ScaleBytes;

    /// <summary>Eight columns of a Q4 panel, a 32-bit word a row.</summary>
    internal const int Q4WordBytes = 4 * PanelRows;

    /// <summary>Bytes of a Q4 group's integers.</summary>
    internal const int Q4IntegerBytes = GroupSize / 8 * Q4WordBytes;

    /// <summary>Bytes of a Q4 group in a panel.</summary>
    internal const int Q4GroupBytes = Q4IntegerBytes + ScaleBytes;

    /// <summary>What the bytes of a panel are a multiple of.</summary>
    internal const int Alignment = 64;

    /// <summary>Whether a format has this layout.</summary>
    public static bool IsGrouped(this MatrixFormat format) => format is MatrixFormat.Q8 or MatrixFormat.Q4;

    /// <summary>The panels of a matrix of <paramref name="rows"/> rows.</summary>
    public static int Panels(int rows) => (int)(((long)rows + PanelRows - 1) / PanelRows);

    /// <summary>The groups of a row of <paramref name="cols"/> numbers.</summary>
    public static int Groups(int cols) => (int)(((long)cols + GroupSize - 1) / GroupSize);

    /// <summary>Bytes of a group in a panel, scales included.</summary>
    public static int GroupBytes(MatrixFormat format) => IntegerBytes(format) + ScaleBytes;

    /// <summary>Bytes of a group's integers in a panel.</summary>
    internal static int IntegerBytes(MatrixFormat format) => format switch
    {
        MatrixFormat.Q8 => Q8IntegerBytes,
        MatrixFormat.Q4 => Q4IntegerBytes,
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Only Q8 and Q4 have groups."),
    };

    /// <summary>Bytes from a panel to the next.</summary>
    public static long PanelBytes(MatrixFormat format, int cols) =>
        (((long)Groups(cols) * GroupBytes(format)) + Alignment - 1) / Alignment * Alignment;

    /// <summary>Bytes of a matrix.</summary>
    public static long Bytes(MatrixFormat format, int rows, int cols) => checked(Panels(rows) * PanelBytes(format, cols));

    /// <summary>Reads a row's integers and scale of one group.</summary>
    /// <param name="format">Q8 or Q4.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="row">The row within the panel.</param>
    /// <param name="group">The group.</param>
    /// <param name="quants">Receives 32 integers: −128 to 127, or −8 to 7.</param>
    /// <returns>The scale; rounded, should a foreign file hold a code that no half has.</returns>
    public static Half ReadGroup(MatrixFormat format, ReadOnlySpan<byte> panel, int row, int group, Span<sbyte> quants)
    {
        ReadIntegers(format, panel, row, group, quants);
        return (Half)ScaleOf(format, panel, row, group);
    }

    /// <summary>Writes a row's integers and scale of one group into a panel that started as zero bytes.</summary>
    /// <param name="format">Q8 or Q4.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="row">The row within the panel.</param>
    /// <param name="group">The group; written once.</param>
    /// <param name="quants">32 integers: −128 to 127, or −8 to 7.</param>
    /// <param name="scale">The scale.</param>
    /// <exception cref="ArgumentOutOfRangeException">The scale is not below <see cref="ScaleLimit"/> in magnitude.</exception>
    internal static void WriteGroup(MatrixFormat format, Span<byte> panel, int row, int group, ReadOnlySpan<sbyte> quants, Half scale)
    {
        if (!((float)Half.Abs(scale) < ScaleLimit))
        {
            throw new ArgumentOutOfRangeException(nameof(scale), scale, $"Scales are below {ScaleLimit} in magnitude.");
        }

        Span<byte> integers = panel.Slice(group * GroupBytes(format), GroupBytes(format));
        for (int k = 0; k < GroupSize; k++)
        {
            if (format == MatrixFormat.Q8)
            {
                integers[(((k / 2 * PanelRows) + row) * 2) + (k % 2)] = (byte)quants[k];
            }
            else
            {
                Span<byte> word = integers[(((k / 8 * PanelRows) + row) * 4)..];
                uint bits = BinaryPrimitives.ReadUInt32LittleEndian(word) | ((uint)(quants[k] + 8) << Q4Shift(k));
                BinaryPrimitives.WriteUInt32LittleEndian(word, bits);
            }
        }

        ushort code = RaisedHalf.Encode(BitConverter.HalfToUInt16Bits(scale));
        BinaryPrimitives.WriteUInt16LittleEndian(integers[(IntegerBytes(format) + (row * sizeof(ushort)))..], code);
    }

    /// <summary>Writes one row of a panel as floats: q·scale for each of <paramref name="destination"/>'s columns, exactly.</summary>
    public static void CopyRow(MatrixFormat format, ReadOnlySpan<byte> panel, int row, Span<float> destination)
    {
        int groups = Groups(destination.Length);
        Span<sbyte> quants = stackalloc sbyte[GroupSize];
        for (int group = 0; group < groups; group++)
        {
            ReadIntegers(format, panel, row, group, quants);
            float scale = ScaleOf(format, panel, row, group);
            int first = group * GroupSize;
            int count = Math.Min(GroupSize, destination.Length - first);
            for (int k = 0; k < count; k++)
            {
                destination[first + k] = quants[k] * scale;
            }
        }
    }

    private static void ReadIntegers(MatrixFormat format, ReadOnlySpan<byte> panel, int row, int group, Span<sbyte> quants)
    {
        ReadOnlySpan<byte> integers = panel.Slice(group * GroupBytes(format), GroupBytes(format));
        for (int k = 0; k < GroupSize; k++)
        {
            quants[k] = format == MatrixFormat.Q8
                ? (sbyte)integers[(((k / 2 * PanelRows) + row) * 2) + (k % 2)]
                : (sbyte)(((BinaryPrimitives.ReadUInt32LittleEndian(integers[(((k / 8 * PanelRows) + row) * 4)..]) >> Q4Shift(k)) & 15) - 8);
        }
    }

    private static float ScaleOf(MatrixFormat format, ReadOnlySpan<byte> panel, int row, int group) => RaisedHalf.Decode(
        BinaryPrimitives.ReadUInt16LittleEndian(panel[((group * GroupBytes(format)) + IntegerBytes(format) + (row * sizeof(ushort)))..]));

    private static int Q4Shift(int k) => (8 * (k % 4)) + (4 * (k % 8 / 4));
}
