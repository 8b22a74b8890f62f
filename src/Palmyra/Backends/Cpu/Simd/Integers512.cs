using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>16 integers in one 512-bit register.</summary>
internal readonly unsafe struct Integers512 : IIntegers<Integers512, Floats512>
{
    private readonly Vector512<int> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Integers512(Vector512<int> value) => _value = value;

    public static Integers512 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 Create(int value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 Load(void* source) => new(Vector512.Load((int*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 LoadBytes(void* source)
    {
        Vector256<sbyte> bytes = Vector256.Load((sbyte*)source);
        return new((Avx512BW.IsSupported
            ? Avx512BW.ConvertToVector512Int16(bytes)
            : Vector512.Create(Vector256.WidenLower(bytes), Vector256.WidenUpper(bytes))).AsInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 LoadRaised(ushort* source) => new((Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe()) << 16).AsInt32() >> 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* destination, Integers512 value) => value._value.Store((int*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 operator +(Integers512 left, Integers512 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 operator &(Integers512 left, Integers512 right) => new(left._value & right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 operator |(Integers512 left, Integers512 right) => new(left._value | right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 ShiftLeft(Integers512 value, int bits) => new(value._value << bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 ShiftRightSigned(Integers512 value, int bits) => new(value._value >> bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 WhereEqual(Integers512 left, Integers512 right, Integers512 yes) => new(Vector512.Equals(left._value, right._value) & yes._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 ShiftRight(Integers512 value, int bits) => new((value._value.AsUInt16() >>> bits).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 AddPairs(Integers512 left, Integers512 right) => new((left._value.AsInt16() + right._value.AsInt16()).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 MultiplyQuads(Integers512 unsigned, Integers512 signed) => new(Avx512BW.IsSupported
        ? Avx512BW.MultiplyAddAdjacent(unsigned._value.AsByte(), signed._value.AsSByte()).AsInt32()
        : Vector512.Create(
            Integers256.MultiplyQuads(unsigned._value.GetLower(), signed._value.GetLower()),
            Integers256.MultiplyQuads(unsigned._value.GetUpper(), signed._value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 MultiplyPairs(Integers512 left, Integers512 right) => new(Avx512BW.IsSupported
        ? Avx512BW.MultiplyAddAdjacent(left._value.AsInt16(), right._value.AsInt16())
        : Vector512.Create(
            Integers256.MultiplyPairs(left._value.GetLower(), right._value.GetLower()),
            Integers256.MultiplyPairs(left._value.GetUpper(), right._value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers512 FromFloats(Floats512 value) => new(value.Value.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 AsFloats(Integers512 value) => Floats512.Of(value._value.AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 ToFloats(Integers512 value) => Floats512.Of(Vector512.ConvertToSingle(value._value));
}
