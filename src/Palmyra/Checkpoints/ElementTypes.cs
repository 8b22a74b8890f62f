using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Palmyra.Checkpoints;

/// <summary>Facts about <see cref="ElementType"/>.</summary>
public static class ElementTypes
{
    /// <summary>Bytes an element takes.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.F64 or ElementType.I64 => 8,
        ElementType.F32 or ElementType.I32 => 4,
        ElementType.F16 or ElementType.BF16 or ElementType.I16 => 2,
        _ => 1,
    };

    /// <summary>Whether the type can hold weights.</summary>
    public static bool IsFloat(this ElementType type) => type <= ElementType.BF16;

    /// <summary>Converts a file's little-endian bytes of a floating-point type to floats; F64 rounds, the others are exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void ToFloats(this ElementType type, ReadOnlySpan<byte> bytes, Span<float> destination)
    {
        switch (type)
        {
            case ElementType.F32:
                bytes.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case ElementType.F16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), destination);
                break;
            case ElementType.BF16:
                ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (int i = 0; i < halves.Length; i++)
                {
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
                }

                break;
            case ElementType.F64:
                ReadOnlySpan<double> doubles = MemoryMarshal.Cast<byte, double>(bytes);
                for (int i = 0; i < doubles.Length; i++)
                {
                    destination[i] = (float)doubles[i];
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Not a floating-point type.");
        }
    }

    /// <summary>Rounds floats to the nearest value of F32, F16 or BF16, ties to even, as a file's little-endian bytes.</summary>
    internal static void FromFloats(this ElementType type, ReadOnlySpan<float> values, Span<byte> destination)
    {
        switch (type)
        {
            case ElementType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(destination);
                break;
            case ElementType.F16:
                TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(destination));
                break;
            case ElementType.BF16:
                Span<ushort> halves = MemoryMarshal.Cast<byte, ushort>(destination);
                for (int i = 0; i < values.Length; i++)
                {
                    halves[i] = ToBF16(values[i]);
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Floats convert to F32, F16 or BF16.");
        }
    }

    /// <summary>The upper half of a float, rounded to nearest, ties to even; a NaN stays one.</summary>
    internal static ushort ToBF16(float value)
    {
        // A NaN whose payload lies in the lower half would otherwise round to infinity.
        const uint Quiet = 0x40;
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value)
            ? (ushort)((bits >> 16) | Quiet)
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
