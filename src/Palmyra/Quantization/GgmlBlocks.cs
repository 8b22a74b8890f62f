using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Checkpoints.Gguf;

namespace Palmyra.Quantization;

/// <summary>ggml's blocks of 32 numbers in files: Q8_0 and Q4_0, whose numbers are exactly those of Q8 and Q4 panels.</summary>
/// <remarks>
/// <code>
/// Q8_0  [scale, a half][32 signed bytes]
/// Q4_0  [scale, a half][16 bytes: byte j holds q + 8 of number j in its low four bits, of number 16 + j in its high four]
/// </code>
/// </remarks>
internal static class GgmlBlocks
{
    /// <summary>Copies a row of a panel into blocks, integer by integer and scale by scale.</summary>
    /// <param name="type">Q8_0 or Q4_0.</param>
    /// <param name="panel">A panel of the format <paramref name="type"/> stands for.</param>
    /// <param name="row">The row within the panel.</param>
    /// <param name="blocks">Receives the row's blocks, all of them.</param>
    public static void FromPanel(GgmlType type, ReadOnlySpan<byte> panel, int row, Span<byte> blocks)
    {
        MatrixFormat format = type.GroupedFormat() ?? throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type of blocks.");
        int groups = blocks.Length / type.BlockBytes();
        Span<sbyte> quants = stackalloc sbyte[PanelLayout.GroupSize];
        for (int group = 0; group < groups; group++)
        {
            Span<byte> block = blocks.Slice(group * type.BlockBytes(), type.BlockBytes());
            BinaryPrimitives.WriteHalfLittleEndian(block, PanelLayout.ReadGroup(format, panel, row, group, quants));
            if (type == GgmlType.Q8_0)
            {
                MemoryMarshal.AsBytes(quants).CopyTo(block[2..]);
                continue;
            }

            for (int j = 0; j < 16; j++)
            {
                block[2 + j] = (byte)((quants[j] + 8) | ((quants[16 + j] + 8) << 4));
            }
        }
    }

    /// <summary>The numbers that blocks mean. An integer of eight bits times a half needs nineteen: float32 holds the product exactly.</summary>
    /// <param name="type">Q8_0 or Q4_0.</param>
    /// <param name="blocks">Whole blocks.</param>
    /// <param name="destination">Receives 32 numbers for each.</param>
    public static void ToFloats(GgmlType type, ReadOnlySpan<byte> blocks, Span<float> destination)
    {
        for (int first = 0; first < destination.Length; first += 32)
        {
            ReadOnlySpan<byte> block = blocks.Slice(first / 32 * type.BlockBytes(), type.BlockBytes());
            float scale = (float)BinaryPrimitives.ReadHalfLittleEndian(block);
            Span<float> numbers = destination.Slice(first, 32);
            for (int j = 0; j < 16; j++)
            {
                if (type == GgmlType.Q8_0)
                {
                    numbers[j] = (sbyte)block[2 + j] * scale;
                    numbers[16 + j] = (sbyte)block[18 + j] * scale;
                }
                else
                {
                    numbers[j] = ((block[2 + j] & 15) - 8) * scale;
                    numbers[16 + j] = ((block[2 + j] >> 4) - 8) * scale;
                }
            }
        }
    }
}
