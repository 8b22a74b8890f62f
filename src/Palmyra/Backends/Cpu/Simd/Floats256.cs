using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>8 floats in one 256-bit register.</summary>
internal readonly unsafe struct Floats256 : IVector<Floats256>
{
    private readonly Vector256<float> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Floats256(Vector256<float> value) => _value = value;

    public static int Count => 8;

    public static int TileRows => 4;

    public static Floats256 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    internal Vector256<float> Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Floats256 Of(Vector256<float> value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 Create(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 LoadSByte(sbyte* source)
    {
        Vector128<sbyte> bytes = Vector128.CreateScalarUnsafe(*(long*)source).AsSByte();
        return new(Vector256.ConvertToSingle(Avx2.IsSupported
            ? Avx2.ConvertToVector256Int32(bytes)
            : Vector256.WidenLower(Vector128.WidenLower(bytes).ToVector256Unsafe())));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 LoadFiniteHalf(ushort* source)
    {
        // A subnormal half placed in a float would be subnormal too and cost a hundred cycles to scale: it gets the exponent of 2⁻¹⁴
        // instead, as an implicit bit that is then taken off again. Others have their exponent's offset corrected by an integer addition.
        Vector256<int> bits = Place(source);
        Vector256<int> magnitude = bits & Vector256.Create(0x0FFFE000);
        Vector256<int> smallest = Vector256.Create(0x38800000);
        Vector256<float> subnormal = (magnitude + smallest).AsSingle() - smallest.AsSingle();
        Vector256<float> normal = (magnitude + Vector256.Create(0x38000000)).AsSingle();
        Vector256<float> value = Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(0x00800000)).AsSingle(), subnormal, normal);
        return new((value.AsInt32() | (bits & Vector256.Create(int.MinValue))).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 LoadHalf(ushort* source)
    {
        // Infinities and NaN arrive as numbers of exponent 31 and get a full exponent.
        Vector256<int> bits = Place(source);
        Vector256<int> full = Vector256.Create(0x0F800000);
        Vector256<int> special = Vector256.Equals(bits & full, full) & Vector256.Create(0x7F800000);
        return new((Scale(bits).AsInt32() | special).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Floats256 value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLow16(short* destination, Floats256 value) =>
        Vector128.Narrow(value._value.GetLower().AsInt32(), value._value.GetUpper().AsInt32()).Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLow8(sbyte* destination, Floats256 value) =>
        Vector128.Narrow(Vector128.Narrow(value._value.GetLower().AsInt32(), value._value.GetUpper().AsInt32()), default).GetLower().Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 operator +(Floats256 left, Floats256 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 operator -(Floats256 left, Floats256 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 operator *(Floats256 left, Floats256 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 operator /(Floats256 left, Floats256 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 MultiplyAdd(Floats256 a, Floats256 b, Floats256 c) => FusedArithmetic.IsSupported
        ? new(Vector256.FusedMultiplyAdd(a._value, b._value, c._value))
        : new((a._value * b._value) + c._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 Abs(Floats256 value) => new(Vector256.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 WhereLess(Floats256 left, Floats256 right, Floats256 yes, Floats256 no) =>
        new(Vector256.ConditionalSelect(Vector256.LessThan(left._value, right._value), yes._value, no._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats256 PowerOfTwo(Floats256 shifted) =>
        new(((shifted._value.AsInt32() << 23) + Vector256.Create(0x3F800000)).AsSingle());

    /// <summary>Sign, exponent and fraction moved to their places in a float, which then reads as the value times 2⁻¹¹², subnormals included.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Place(ushort* source) =>
        ((Widen(source) << 16).AsInt32() >> 3) & Vector256.Create(unchecked((int)0x8FFFE000));

    /// <summary>Times 2¹¹², which is exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Scale(Vector256<int> bits) => bits.AsSingle() * Vector256.Create(BitConverter.Int32BitsToSingle(0x77800000));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Widen(ushort* source) => Vector256.WidenLower(Vector128.Load(source).ToVector256Unsafe());
}
