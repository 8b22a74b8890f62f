using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Palmyra.Backends.Cpu.Simd;

/// <summary>16 floats in one 512-bit register.</summary>
internal readonly unsafe struct Floats512 : IVector<Floats512>
{
    private readonly Vector512<float> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Floats512(Vector512<float> value) => _value = value;

    public static int Count => 16;

    public static int TileRows => 8;

    public static Floats512 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    internal Vector512<float> Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Floats512 Of(Vector512<float> value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 LoadSByte(sbyte* source)
    {
        Vector128<sbyte> bytes = Vector128.Load(source);
        return new(Vector512.ConvertToSingle(Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Int32(bytes)
            : Vector512.WidenLower(Vector256.WidenLower(bytes.ToVector256Unsafe()).ToVector512Unsafe())));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 LoadFiniteHalf(ushort* source)
    {
        // A subnormal half placed in a float would be subnormal too and cost a hundred cycles to scale: it gets the exponent of 2⁻¹⁴
        // instead, as an implicit bit that is then taken off again. Others have their exponent's offset corrected by an integer addition.
        Vector512<int> bits = Place(source);
        Vector512<int> magnitude = bits & Vector512.Create(0x0FFFE000);
        Vector512<int> smallest = Vector512.Create(0x38800000);
        Vector512<float> subnormal = (magnitude + smallest).AsSingle() - smallest.AsSingle();
        Vector512<float> normal = (magnitude + Vector512.Create(0x38000000)).AsSingle();
        Vector512<float> value = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(0x00800000)).AsSingle(), subnormal, normal);
        return new((value.AsInt32() | (bits & Vector512.Create(int.MinValue))).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 LoadHalf(ushort* source)
    {
        // Infinities and NaN arrive as numbers of exponent 31 and get a full exponent.
        Vector512<int> bits = Place(source);
        Vector512<int> full = Vector512.Create(0x0F800000);
        Vector512<int> special = Vector512.Equals(bits & full, full) & Vector512.Create(0x7F800000);
        return new((Scale(bits).AsInt32() | special).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Floats512 value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLow16(short* destination, Floats512 value) =>
        Vector256.Narrow(value._value.GetLower().AsInt32(), value._value.GetUpper().AsInt32()).Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLow8(sbyte* destination, Floats512 value) =>
        Vector128.Narrow(
            Vector256.Narrow(value._value.GetLower().AsInt32(), value._value.GetUpper().AsInt32()).GetLower(),
            Vector256.Narrow(value._value.GetLower().AsInt32(), value._value.GetUpper().AsInt32()).GetUpper()).Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 operator +(Floats512 left, Floats512 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 operator -(Floats512 left, Floats512 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 operator *(Floats512 left, Floats512 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 operator /(Floats512 left, Floats512 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 MultiplyAdd(Floats512 a, Floats512 b, Floats512 c) => FusedArithmetic.IsSupported
        ? new(Vector512.FusedMultiplyAdd(a._value, b._value, c._value))
        : new((a._value * b._value) + c._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Abs(Floats512 value) => new(Vector512.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 WhereLess(Floats512 left, Floats512 right, Floats512 yes, Floats512 no) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(left._value, right._value), yes._value, no._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 PowerOfTwo(Floats512 shifted) =>
        new(((shifted._value.AsInt32() << 23) + Vector512.Create(0x3F800000)).AsSingle());

    /// <summary>Sign, exponent and fraction moved to their places in a float, which then reads as the value times 2⁻¹¹², subnormals included.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Place(ushort* source) =>
        ((Widen(source) << 16).AsInt32() >> 3) & Vector512.Create(unchecked((int)0x8FFFE000));

    /// <summary>Times 2¹¹², which is exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Scale(Vector512<int> bits) => bits.AsSingle() * Vector512.Create(BitConverter.Int32BitsToSingle(0x77800000));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Widen(ushort* source) => Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe());
}
