using System.Runtime.CompilerServices;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>One integer: the width that needs no vector registers.</summary>
internal readonly unsafe struct Integers32 : IIntegers<Integers32, Floats32>
{
    private readonly int _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Integers32(int value) => _value = value;

    public static Integers32 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 Create(int value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 Load(void* source) => new(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 LoadBytes(void* source) => Of(((sbyte*)source)[0], ((sbyte*)source)[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 LoadRaised(ushort* source) => new((*source << 16) >> 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* destination, Integers32 value) => *(int*)destination = value._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 operator +(Integers32 left, Integers32 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 operator &(Integers32 left, Integers32 right) => new(left._value & right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 operator |(Integers32 left, Integers32 right) => new(left._value | right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 ShiftLeft(Integers32 value, int bits) => new(value._value << bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 ShiftRightSigned(Integers32 value, int bits) => new(value._value >> bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 WhereEqual(Integers32 left, Integers32 right, Integers32 yes) => left._value == right._value ? yes : default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 ShiftRight(Integers32 value, int bits) =>
        Of((ushort)value._value >> bits, (int)((uint)value._value >> 16) >> bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 AddPairs(Integers32 left, Integers32 right) =>
        Of(left._value + right._value, (left._value >> 16) + (right._value >> 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 MultiplyQuads(Integers32 unsigned, Integers32 signed)
    {
        (int u, int s) = (unsigned._value, signed._value);
        return Of(
            ((byte)u * (sbyte)s) + ((byte)(u >> 8) * (sbyte)(s >> 8)),
            ((byte)(u >> 16) * (sbyte)(s >> 16)) + ((byte)(u >> 24) * (s >> 24)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 MultiplyPairs(Integers32 left, Integers32 right) =>
        new(((short)left._value * (short)right._value) + ((left._value >> 16) * (right._value >> 16)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Integers32 FromFloats(Floats32 value) => new(BitConverter.SingleToInt32Bits(value.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 AsFloats(Integers32 value) => Floats32.Of(BitConverter.Int32BitsToSingle(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 ToFloats(Integers32 value) => Floats32.Of(value._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Integers32 Of(int low, int high) => new((ushort)low | (high << 16));
}
