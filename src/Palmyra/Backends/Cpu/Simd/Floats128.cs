using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>4 floats in one 128-bit register.</summary>
internal readonly unsafe struct Floats128 : IVector<Floats128>
{
    private readonly Vector128<float> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Floats128(Vector128<float> value) => _value = value;

    public static int Count => 4;

    public static int TileRows => 4;

    public static Floats128 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    internal Vector128<float> Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Floats128 Of(Vector128<float> value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 Create(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 LoadSByte(sbyte* source) => new(Vector128.ConvertToSingle(Vector128.WidenLower(
        Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(int*)source).AsSByte()))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 LoadFiniteHalf(ushort* source)
    {
        // A subnormal half placed in a float would be subnormal too and cost a hundred cycles to scale: it gets the exponent of 2⁻¹⁴
        // instead, as an implicit bit that is then taken off again. Others have their exponent's offset corrected by an integer addition.
        Vector128<int> bits = Place(source);
        Vector128<int> magnitude = bits & Vector128.Create(0x0FFFE000);
        Vector128<int> smallest = Vector128.Create(0x38800000);
        Vector128<float> subnormal = (magnitude + smallest).AsSingle() - smallest.AsSingle();
        Vector128<float> normal = (magnitude + Vector128.Create(0x38000000)).AsSingle();
        Vector128<float> value = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(0x00800000)).AsSingle(), subnormal, normal);
        return new((value.AsInt32() | (bits & Vector128.Create(int.MinValue))).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 LoadHalf(ushort* source)
    {
        // Infinities and NaN arrive as numbers of exponent 31 and get a full exponent.
        Vector128<int> bits = Place(source);
        Vector128<int> full = Vector128.Create(0x0F800000);
        Vector128<int> special = Vector128.Equals(bits & full, full) & Vector128.Create(0x7F800000);
        return new((Scale(bits).AsInt32() | special).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Floats128 value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLow16(short* destination, Floats128 value) =>
        Vector128.Narrow(value._value.AsInt32(), default).GetLower().Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLow8(sbyte* destination, Floats128 value) =>
        *(int*)destination = Vector128.Narrow(Vector128.Narrow(value._value.AsInt32(), default), default).AsInt32().ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 operator +(Floats128 left, Floats128 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 operator -(Floats128 left, Floats128 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 operator *(Floats128 left, Floats128 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 operator /(Floats128 left, Floats128 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 MultiplyAdd(Floats128 a, Floats128 b, Floats128 c) => FusedArithmetic.IsSupported
        ? new(Vector128.FusedMultiplyAdd(a._value, b._value, c._value))
        : new((a._value * b._value) + c._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 Abs(Floats128 value) => new(Vector128.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 WhereLess(Floats128 left, Floats128 right, Floats128 yes, Floats128 no) =>
        new(Vector128.ConditionalSelect(Vector128.LessThan(left._value, right._value), yes._value, no._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats128 PowerOfTwo(Floats128 shifted) =>
        new(((shifted._value.AsInt32() << 23) + Vector128.Create(0x3F800000)).AsSingle());

    /// <summary>Sign, exponent and fraction moved to their places in a float, which then reads as the value times 2⁻¹¹², subnormals included.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Place(ushort* source) =>
        ((Widen(source) << 16).AsInt32() >> 3) & Vector128.Create(unchecked((int)0x8FFFE000));

    /// <summary>Times 2¹¹², which is exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Scale(Vector128<int> bits) => bits.AsSingle() * Vector128.Create(BitConverter.Int32BitsToSingle(0x77800000));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Widen(ushort* source) => Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16());
}
