using System.Runtime.CompilerServices;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>How the numbers of a cache page lie in memory; attention widens them to float as it loads them.</summary>
internal unsafe interface IStorage
{
    /// <summary>Bytes a number takes.</summary>
    static abstract int Size { get; }

    /// <summary>Loads one vector's worth of numbers.</summary>
    static abstract TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector>;
}

/// <summary>32-bit floats.</summary>
internal readonly unsafe struct SingleStorage : IStorage
{
    public static int Size => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector> => TVector.Load((float*)source);
}

/// <summary>IEEE 16-bit floats.</summary>
internal readonly unsafe struct HalfStorage : IStorage
{
    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector> => TVector.LoadHalf((ushort*)source);
}

/// <summary>IEEE 16-bit floats without infinities and NaN.</summary>
internal readonly unsafe struct FiniteHalfStorage : IStorage
{
    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector> => TVector.LoadFiniteHalf((ushort*)source);
}

/// <summary>8-bit integers; what they are scaled by lies elsewhere.</summary>
internal readonly unsafe struct SByteStorage : IStorage
{
    public static int Size => sizeof(sbyte);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector> => TVector.LoadSByte((sbyte*)source);
}
