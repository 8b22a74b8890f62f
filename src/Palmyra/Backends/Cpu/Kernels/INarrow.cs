using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>How 16-bit weights become floats. A 32-bit lane holds the weights of two following inputs for one output.</summary>
/// <remarks>The caller keeps <see cref="Mask"/> and <see cref="Factor"/> in registers: constants would be loaded from memory at each use.</remarks>
internal interface INarrow
{
    /// <summary>What conversion cuts out.</summary>
    static abstract int Mask { get; }

    /// <summary>What conversion multiplies by: a power of two.</summary>
    static abstract float Factor { get; }

    /// <summary>The weight in the lower half of each lane.</summary>
    static abstract TVector First<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector>;

    /// <summary>The weight in the upper half of each lane.</summary>
    static abstract TVector Second<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector>;
}

/// <summary>Upper halves of 32-bit floats.</summary>
internal readonly struct BFloat16 : INarrow
{
    public static int Mask => unchecked((int)0xFFFF0000);

    public static float Factor => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => T.AsFloats(T.ShiftLeft(bits, 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Second<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => T.AsFloats(bits & mask);
}

/// <summary>
/// IEEE halves of a matrix whose numbers are all below 128 in magnitude, their exponents raised by ten: what a checkpoint's weights are.
/// </summary>
/// <remarks>
/// A half's smallest numbers are subnormal. Moved into a float's places they would make subnormal floats, each of which costs a hundred
/// cycles to multiply. Ten more in the exponent leaves none, and the numbers above 2⁷ whose codes this takes do not occur.
/// </remarks>
internal readonly struct RaisedHalf : INarrow
{
    private const int Raise = 10;
    private const int FractionBits = 10;

    public static int Mask => HalfBits.Mask;

    /// <summary>2¹⁰²: 2¹¹² for the difference of the exponents' offsets, less the raise.</summary>
    public static float Factor => BitConverter.Int32BitsToSingle((127 + 112 - Raise) << 23);

    /// <summary>Numbers smaller than this round to halves below 2⁷, which have raised codes.</summary>
    public const float Limit = 127.9375f;

    /// <summary>The raised code of a half below 128.</summary>
    public static ushort Encode(ushort half)
    {
        int sign = half & 0x8000;
        int magnitude = half & 0x7FFF;
        if (magnitude >= 1 << FractionBits)
        {
            return (ushort)(sign | (magnitude + (Raise << FractionBits)));
        }

        if (magnitude == 0)
        {
            return half;
        }

        // A subnormal number gets the exponent that its highest bit asks for; that bit becomes the implicit one.
        int shift = FractionBits - int.Log2(magnitude);
        return (ushort)(sign | ((Raise + 1 - shift) << FractionBits) | ((magnitude << shift) & ((1 << FractionBits) - 1)));
    }

    /// <summary>The number of a raised code.</summary>
    public static float Decode(ushort code) =>
        BitConverter.Int32BitsToSingle(((code << 16) >> 3) & HalfBits.Mask) * Factor;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => T.AsFloats(T.ShiftRightSigned(T.ShiftLeft(bits, 16), 3) & mask) * factor;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Second<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => T.AsFloats(T.ShiftRightSigned(bits, 3) & mask) * factor;
}

/// <summary>IEEE halves of any value: for the rare matrix with large numbers, infinities or NaN, and slower.</summary>
internal readonly struct HalfBits : INarrow
{
    private const int Exponent = 0x0F800000;

    /// <summary>Sign, exponent and fraction of a half in their places in a float.</summary>
    public static int Mask => unchecked((int)0x8FFFE000);

    public static float Factor => BitConverter.Int32BitsToSingle((127 + 112) << 23);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => Convert(T.ShiftRightSigned(T.ShiftLeft(bits, 16), 3) & mask, factor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Second<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => Convert(T.ShiftRightSigned(bits, 3) & mask, factor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Convert<T, TVector>(T placed, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector>
    {
        // Infinities and NaN arrive as numbers of exponent 31 and get a full exponent.
        T special = T.WhereEqual(placed & T.Create(Exponent), T.Create(Exponent), T.Create(0x7F800000));
        return T.AsFloats(T.FromFloats(T.AsFloats(placed) * factor) | special);
    }
}
