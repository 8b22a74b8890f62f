using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>How 16-bit weights become floats. A 32-bit lane holds the weights of two following inputs for one output.</summary>
/// <remarks>The caller keeps <see cref="Mask"/> and <see cref="Factor"/> in registers: constants would be loaded from memory at each use.</remarks>
internal interface INarrow
{
    /// <summary>What conversion cuts out.</summary>
    static abstract int Mask { get; }

    /// <summary>What conversion multiplies by: a power of two.</summary>
    static abstract float Factor { get; }

    /// <summary>Rows up to which weights are converted as they are read: conversion of halves needs registers that eight rows do not leave.</summary>
    static abstract int RowsAtOnce { get; }

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

    public static int RowsAtOnce => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => T.AsFloats(T.ShiftLeft(bits, 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Second<T, TVector>(T bits, T mask, TVector factor)
        where T : struct, IIntegers<T, TVector>
        where TVector : struct, IVector<TVector> => T.AsFloats(bits & mask);
}

/// <summary>The codes of <see cref="RaisedHalf"/>: what the halves of a checkpoint are kept as, since their numbers are small.</summary>
internal readonly struct RaisedHalves : INarrow
{
    public static int Mask => RaisedHalf.Mask;

    public static float Factor => RaisedHalf.Factor;

    public static int RowsAtOnce => 4;

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

    public static int Mask => RaisedHalf.Mask;

    public static float Factor => BitConverter.Int32BitsToSingle((127 + 112) << 23);

    public static int RowsAtOnce => 4;

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
