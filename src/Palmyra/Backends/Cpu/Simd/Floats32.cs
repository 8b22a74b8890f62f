using System.Runtime.CompilerServices;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>One float: the width that needs no vector registers.</summary>
internal readonly unsafe struct Floats32 : IVector<Floats32>
{
    private readonly float _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Floats32(float value) => _value = value;

    public static int Count => 1;

    public static int TileRows => 4;

    public static Floats32 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    internal float Value => _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Floats32 Of(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 Create(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 Load(float* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 LoadSByte(sbyte* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 LoadFiniteHalf(ushort* source) => LoadHalf(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 LoadHalf(ushort* source)
    {
        int bits = ((*source << 16) >> 3) & unchecked((int)0x8FFFE000);
        int special = (bits & 0x0F800000) == 0x0F800000 ? 0x7F800000 : 0;
        float scaled = BitConverter.Int32BitsToSingle(bits) * BitConverter.Int32BitsToSingle(0x77800000);
        return new(BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(scaled) | special));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Floats32 value) => *destination = value._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLow16(short* destination, Floats32 value) =>
        *destination = unchecked((short)BitConverter.SingleToInt32Bits(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLow8(sbyte* destination, Floats32 value) =>
        *destination = unchecked((sbyte)BitConverter.SingleToInt32Bits(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 operator +(Floats32 left, Floats32 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 operator -(Floats32 left, Floats32 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 operator *(Floats32 left, Floats32 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 operator /(Floats32 left, Floats32 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 MultiplyAdd(Floats32 a, Floats32 b, Floats32 c) => FusedArithmetic.IsSupported
        ? new(MathF.FusedMultiplyAdd(a._value, b._value, c._value))
        : new((a._value * b._value) + c._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 Abs(Floats32 value) => new(MathF.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 WhereLess(Floats32 left, Floats32 right, Floats32 yes, Floats32 no) => left._value < right._value ? yes : no;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats32 PowerOfTwo(Floats32 shifted) =>
        new(BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(shifted._value) << 23) + 0x3F800000));
}
