using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>4 integers in one 128-bit register.</summary>
internal readonly unsafe struct Integers128 : IIntegers<Integers128, Floats128>
{
    private readonly Vector128<int> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Integers128(Vector128<int> value) => _value = value;

    public static Integers128 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 Create(int value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 Load(void* source) => new(Vector128.Load((int*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 LoadBytes(void* source) =>
        new(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(long*)source).AsSByte()).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 LoadRaised(ushort* source) => new((Vector128.WidenLower(Vector64.Load(source).ToVector128Unsafe()) << 16).AsInt32() >> 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* destination, Integers128 value) => value._value.Store((int*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 operator +(Integers128 left, Integers128 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 operator &(Integers128 left, Integers128 right) => new(left._value & right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 operator |(Integers128 left, Integers128 right) => new(left._value | right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 ShiftLeft(Integers128 value, int bits) => new(value._value << bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 ShiftRightSigned(Integers128 value, int bits) => new(value._value >> bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 WhereEqual(Integers128 left, Integers128 right, Integers128 yes) => new(Vector128.Equals(left._value, right._value) & yes._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 ShiftRight(Integers128 value, int bits) => new((value._value.AsUInt16() >>> bits).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 AddPairs(Integers128 left, Integers128 right) => new((left._value.AsInt16() + right._value.AsInt16()).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 MultiplyQuads(Integers128 unsigned, Integers128 signed) => new(MultiplyQuads(unsigned._value, signed._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 MultiplyPairs(Integers128 left, Integers128 right) => new(MultiplyPairs(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers128 FromFloats(Floats128 value) => new(value.Value.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 AsFloats(Integers128 value) => Floats128.Of(value._value.AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 ToFloats(Integers128 value) => Floats128.Of(Vector128.ConvertToSingle(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<int> MultiplyPairs(Vector128<int> left, Vector128<int> right)
    {
        if (Sse2.IsSupported)
        {
            return Sse2.MultiplyAddAdjacent(left.AsInt16(), right.AsInt16());
        }

        if (AdvSimd.Arm64.IsSupported)
        {
            return AdvSimd.Arm64.AddPairwise(
                AdvSimd.MultiplyWideningLower(left.AsInt16().GetLower(), right.AsInt16().GetLower()),
                AdvSimd.MultiplyWideningUpper(left.AsInt16(), right.AsInt16()));
        }

        // Sign extension by shifting up and down again: the low half, then the high half of each lane.
        return (((left << 16) >> 16) * ((right << 16) >> 16)) + ((left >> 16) * (right >> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<int> MultiplyQuads(Vector128<int> unsigned, Vector128<int> signed)
    {
        if (Ssse3.IsSupported)
        {
            return Ssse3.MultiplyAddAdjacent(unsigned.AsByte(), signed.AsSByte()).AsInt32();
        }

        // Even and odd bytes as 16 bits, the signed ones extended by shifting up and down again.
        Vector128<short> even = (unsigned.AsInt16() & Vector128.Create((short)0xFF)) * ((signed.AsInt16() << 8) >> 8);
        Vector128<short> odd = (unsigned.AsInt16() >>> 8) * (signed.AsInt16() >> 8);
        return (even + odd).AsInt32();
    }
}
