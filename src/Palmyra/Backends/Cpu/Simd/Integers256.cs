using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>8 integers in one 256-bit register.</summary>
internal readonly unsafe struct Integers256 : IIntegers<Integers256, Floats256>
{
    private readonly Vector256<int> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Integers256(Vector256<int> value) => _value = value;

    public static Integers256 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 Create(int value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 Load(void* source) => new(Vector256.Load((int*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 LoadBytes(void* source)
    {
        Vector128<sbyte> bytes = Vector128.Load((sbyte*)source);
        return new((Avx2.IsSupported
            ? Avx2.ConvertToVector256Int16(bytes)
            : Vector256.Create(Vector128.WidenLower(bytes), Vector128.WidenUpper(bytes))).AsInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 LoadRaised(ushort* source) => new((Vector256.WidenLower(Vector128.Load(source).ToVector256Unsafe()) << 16).AsInt32() >> 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* destination, Integers256 value) => value._value.Store((int*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 operator +(Integers256 left, Integers256 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 operator &(Integers256 left, Integers256 right) => new(left._value & right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 operator |(Integers256 left, Integers256 right) => new(left._value | right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 ShiftLeft(Integers256 value, int bits) => new(value._value << bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 ShiftRightSigned(Integers256 value, int bits) => new(value._value >> bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 WhereEqual(Integers256 left, Integers256 right, Integers256 yes) => new(Vector256.Equals(left._value, right._value) & yes._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 ShiftRight(Integers256 value, int bits) => new((value._value.AsUInt16() >>> bits).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 AddPairs(Integers256 left, Integers256 right) => new((left._value.AsInt16() + right._value.AsInt16()).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 MultiplyQuads(Integers256 unsigned, Integers256 signed) => new(MultiplyQuads(unsigned._value, signed._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 MultiplyPairs(Integers256 left, Integers256 right) => new(MultiplyPairs(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers256 FromFloats(Floats256 value) => new(value.Value.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 AsFloats(Integers256 value) => Floats256.Of(value._value.AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 ToFloats(Integers256 value) => Floats256.Of(Vector256.ConvertToSingle(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<int> MultiplyPairs(Vector256<int> left, Vector256<int> right) => Avx2.IsSupported
        ? Avx2.MultiplyAddAdjacent(left.AsInt16(), right.AsInt16())
        : Vector256.Create(
            Integers128.MultiplyPairs(left.GetLower(), right.GetLower()),
            Integers128.MultiplyPairs(left.GetUpper(), right.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<int> MultiplyQuads(Vector256<int> unsigned, Vector256<int> signed) => Avx2.IsSupported
        ? Avx2.MultiplyAddAdjacent(unsigned.AsByte(), signed.AsSByte()).AsInt32()
        : Vector256.Create(
            Integers128.MultiplyQuads(unsigned.GetLower(), signed.GetLower()),
            Integers128.MultiplyQuads(unsigned.GetUpper(), signed.GetUpper()));
}
