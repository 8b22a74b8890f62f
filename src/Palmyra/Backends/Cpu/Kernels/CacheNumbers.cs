using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Palmyra.Backends.Cpu.Kernels;

// How numbers are rounded on their way into the cache, four at a time; CacheFormat says what, Reference/ReferenceKvCache.cs in plain code.
//
//   F32   as they are
//   F16   on the bits: the exponent rebiased and half of the last place added, one more where the last place is odd, so that ties go to
//         even; below 2^-14 an addition of 1/2 rounds to multiples of 2^-24, as halves lie there; above 65504 the smaller of the two
//   Q8    x/scale + 1.5·2^23: the addition rounds half to even, and the low eight bits are the integer
//
// Lanes are independent and no sum is involved, so nothing depends on the order. Cost: about 14 operations a vector for F16, 2 for Q8.
internal interface ICacheNumbers
{
    /// <summary>Bytes a stored number takes.</summary>
    static abstract int Size { get; }

    /// <summary>Whether numbers are divided by a scale of their token and head.</summary>
    static abstract bool Scaled { get; }

    /// <summary>Rounds; the low <see cref="Size"/> bytes of a lane are what is stored.</summary>
    static abstract Vector128<uint> Narrow(Vector128<float> numbers, Vector128<float> divisors);
}

/// <summary>32-bit floats.</summary>
internal readonly struct SingleNumbers : ICacheNumbers
{
    public static int Size => sizeof(float);

    public static bool Scaled => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Narrow(Vector128<float> numbers, Vector128<float> divisors) => numbers.AsUInt32();
}

/// <summary>IEEE 16-bit floats, the largest for everything finite beyond it.</summary>
internal readonly struct HalfNumbers : ICacheNumbers
{
    private const int Infinity = 0x7F800000;
    private const int Largest = 0x477FE000; // 65504
    private const int SmallestNormal = 0x38800000; // 2^-14
    private const int OneHalf = 0x3F000000;

    public static int Size => sizeof(ushort);

    public static bool Scaled => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Narrow(Vector128<float> numbers, Vector128<float> divisors)
    {
        Vector128<int> bits = numbers.AsInt32();
        Vector128<int> size = bits & Vector128.Create(int.MaxValue);
        Vector128<int> finite = Vector128.Min(size, Vector128.Create(Largest));
        Vector128<int> odd = (finite >> 13) & Vector128<int>.One;
        Vector128<int> normal = (finite + odd + Vector128.Create((-112 << 23) + 0xFFF)) >> 13;
        Vector128<int> tiny = (finite.AsSingle() + Vector128.Create(0.5f)).AsInt32() - Vector128.Create(OneHalf);
        Vector128<int> rounded = Vector128.ConditionalSelect(Vector128.LessThan(finite, Vector128.Create(SmallestNormal)), tiny, normal);
        Vector128<int> isNaN = Vector128.GreaterThan(size, Vector128.Create(Infinity));
        Vector128<int> special = Vector128.Create(0x7C00) | (isNaN & Vector128.Create(0x200));
        rounded = Vector128.ConditionalSelect(Vector128.LessThan(size, Vector128.Create(Infinity)), rounded, special);
        return (rounded | ((bits >> 16) & Vector128.Create(0x8000))).AsUInt32();
    }
}

/// <summary>8-bit integers.</summary>
internal readonly struct ByteNumbers : ICacheNumbers
{
    public static int Size => sizeof(sbyte);

    public static bool Scaled => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Narrow(Vector128<float> numbers, Vector128<float> divisors) =>
        ((numbers / divisors) + Vector128.Create(12582912f)).AsUInt32() & Vector128.Create(255u);
}
