using System.Numerics;

namespace Palmyra.Testing.Ptx.Instructions;

// What add, sub, mul and their like compute (PTX manual, "Integer Arithmetic Instructions"); on floats the same operators round to nearest.

internal readonly struct Add<T> : IBinary<T, T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a, T b) => unchecked(a + b);
}

internal readonly struct Subtract<T> : IBinary<T, T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a, T b) => unchecked(a - b);
}

internal readonly struct Multiply<T> : IBinary<T, T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a, T b) => unchecked(a * b);
}

/// <summary>The upper half of the product.</summary>
internal readonly struct MultiplyHigh<T> : IBinary<T, T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, T b) =>
        T.CreateTruncating((Int128.CreateTruncating(a) * Int128.CreateTruncating(b)) >> (8 * a.GetByteCount()));
}

/// <summary>The upper half of the product of 64-bit numbers without sign, which overflows an <see cref="Int128"/>.</summary>
internal readonly struct MultiplyHighUnsigned : IBinary<ulong, ulong, ulong>
{
    public static ulong Of(ulong a, ulong b) => Math.BigMul(a, b, out _);
}

/// <summary>The whole product, twice as wide.</summary>
internal readonly struct MultiplyWide<T, TWide> : IBinary<T, T, TWide>
    where T : unmanaged, IBinaryInteger<T>
    where TWide : unmanaged, IBinaryInteger<TWide>
{
    public static TWide Of(T a, T b) => TWide.CreateTruncating(a) * TWide.CreateTruncating(b);
}

/// <summary>Division towards zero. A zero divisor gives all ones, as the hardware's sequence does; the manual leaves it open.</summary>
internal readonly struct Divide<T> : IBinary<T, T, T>
    where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    public static T Of(T a, T b) => T.IsZero(b) ? ~T.Zero : a == T.MinValue && b == ~T.Zero && T.IsNegative(b) ? a : a / b;
}

/// <summary>The remainder with the dividend's sign.</summary>
internal readonly struct Remainder<T> : IBinary<T, T, T>
    where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    public static T Of(T a, T b) => T.IsZero(b) ? a : a == T.MinValue && b == ~T.Zero && T.IsNegative(b) ? T.Zero : a % b;
}

internal readonly struct Minimum<T> : IBinary<T, T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, T b) => T.Min(a, b);
}

internal readonly struct Maximum<T> : IBinary<T, T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, T b) => T.Max(a, b);
}

internal readonly struct And<T> : IBinary<T, T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, T b) => a & b;
}

internal readonly struct Or<T> : IBinary<T, T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, T b) => a | b;
}

internal readonly struct Xor<T> : IBinary<T, T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, T b) => a ^ b;
}

internal readonly struct Not<T> : IUnary<T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a) => ~a;
}

/// <summary>1 where all bits are zero.</summary>
internal readonly struct LogicalNot<T> : IUnary<T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a) => T.IsZero(a) ? T.One : T.Zero;
}

internal readonly struct Negate<T> : IUnary<T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a) => unchecked(-a);
}

internal readonly struct Absolute<T> : IUnary<T, T>
    where T : unmanaged, INumber<T>
{
    // Without the exception that .NET throws for the most negative integer.
    public static T Of(T a) => a < T.Zero ? unchecked(-a) : a;
}

/// <summary>Shifts beyond the width give zero (PTX manual, "shl").</summary>
internal readonly struct ShiftLeft<T> : IBinary<T, uint, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, uint b) => b >= 8 * a.GetByteCount() ? T.Zero : a << (int)b;
}

/// <summary>Shifts beyond the width give zero or, with a sign, the sign (PTX manual, "shr").</summary>
internal readonly struct ShiftRight<T> : IBinary<T, uint, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, uint b)
    {
        int last = (8 * a.GetByteCount()) - 1;
        return b > last ? T.IsNegative(a) ? ~T.Zero : T.Zero : a >> (int)b;
    }
}

internal readonly struct CountOnes<T> : IUnary<T, uint>
    where T : unmanaged, IBinaryInteger<T>
{
    public static uint Of(T a) => uint.CreateTruncating(T.PopCount(a));
}

internal readonly struct CountLeadingZeros<T> : IUnary<T, uint>
    where T : unmanaged, IBinaryInteger<T>
{
    public static uint Of(T a) => uint.CreateTruncating(T.LeadingZeroCount(a));
}

internal readonly struct MultiplyAdd<T> : ITernary<T, T, T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, T b, T c) => unchecked((a * b) + c);
}

internal readonly struct MultiplyHighAdd<T> : ITernary<T, T, T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, T b, T c) => unchecked(MultiplyHigh<T>.Of(a, b) + c);
}

internal readonly struct MultiplyWideAdd<T, TWide> : ITernary<T, T, TWide, TWide>
    where T : unmanaged, IBinaryInteger<T>
    where TWide : unmanaged, IBinaryInteger<TWide>
{
    public static TWide Of(T a, T b, TWide c) => unchecked(MultiplyWide<T, TWide>.Of(a, b) + c);
}

/// <summary>|a − b| + c.</summary>
internal readonly struct AbsoluteDifferenceAdd<T> : ITernary<T, T, T, T>
    where T : unmanaged, IBinaryInteger<T>
{
    public static T Of(T a, T b, T c) => unchecked((a < b ? b - a : a - b) + c);
}
