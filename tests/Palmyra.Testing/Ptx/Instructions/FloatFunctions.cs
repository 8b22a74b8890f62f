using System.Numerics;

namespace Palmyra.Testing.Ptx.Instructions;

// PTX manual, "Floating Point Instructions". The approximate ones are computed exactly and rounded once, so a real GPU differs by a few
// units in the last place; only tanh, whose error is large enough to matter to a model, is made as inexact as it is.

internal readonly struct DivideFloat<T> : IBinary<T, T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a, T b) => a / b;
}

/// <summary>The smaller number; a NaN loses against a number, −0 is below +0.</summary>
internal readonly struct MinimumNumber<T> : IBinary<T, T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a, T b) => T.MinNumber(a, b);
}

/// <summary>The larger number; a NaN loses against a number.</summary>
internal readonly struct MaximumNumber<T> : IBinary<T, T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a, T b) => T.MaxNumber(a, b);
}

/// <summary>min.NaN: a NaN wins.</summary>
internal readonly struct MinimumOrNan<T> : IBinary<T, T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a, T b) => T.Min(a, b);
}

/// <summary>max.NaN: a NaN wins.</summary>
internal readonly struct MaximumOrNan<T> : IBinary<T, T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a, T b) => T.Max(a, b);
}

internal readonly struct FusedMultiplyAdd<T> : ITernary<T, T, T, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static T Of(T a, T b, T c) => T.FusedMultiplyAdd(a, b, c);
}

/// <summary>A NaN keeps its payload, zero its sign's opposite.</summary>
internal readonly struct NegateFloat<T> : IUnary<T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a) => -a;
}

internal readonly struct AbsoluteFloat<T> : IUnary<T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a) => T.Abs(a);
}

/// <summary>The second's magnitude with the first's sign.</summary>
internal readonly struct CopySign<T> : IBinary<T, T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a, T b) => T.CopySign(b, a);
}

internal readonly struct Reciprocal<T> : IUnary<T, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static T Of(T a) => T.One / a;
}

internal readonly struct SquareRoot<T> : IUnary<T, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static T Of(T a) => T.Sqrt(a);
}

internal readonly struct ReciprocalSquareRoot<T> : IUnary<T, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public static T Of(T a) => T.CreateTruncating(1 / Math.Sqrt(double.CreateTruncating(a)));
}

internal readonly struct Exponential2<T> : IUnary<T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a) => T.CreateTruncating(Math.Pow(2, double.CreateTruncating(a)));
}

internal readonly struct Logarithm2<T> : IUnary<T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a) => T.CreateTruncating(Math.Log2(double.CreateTruncating(a)));
}

internal readonly struct Sine<T> : IUnary<T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a) => T.CreateTruncating(Math.Sin(double.CreateTruncating(a)));
}

internal readonly struct Cosine<T> : IUnary<T, T>
    where T : unmanaged, INumber<T>
{
    public static T Of(T a) => T.CreateTruncating(Math.Cos(double.CreateTruncating(a)));
}

/// <summary>tanh.approx has a relative error of 2⁻¹¹: the exact value is cut to eleven bits behind the leading one.</summary>
internal readonly struct HyperbolicTangent<T> : IUnary<T, T>
    where T : unmanaged, INumber<T>
{
    private const uint DroppedBits = (1u << 12) - 1;

    public static T Of(T a) => T.CreateTruncating(
        BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits((float)Math.Tanh(double.CreateTruncating(a))) & ~DroppedBits));
}

/// <summary>.ftz: subnormal inputs and results are zero with their sign.</summary>
internal readonly struct FlushedUnary<TFunction> : IUnary<float, float>
    where TFunction : struct, IUnary<float, float>
{
    public static float Of(float a) => Flush.Of(TFunction.Of(Flush.Of(a)));
}

/// <summary>.ftz of two operands.</summary>
internal readonly struct FlushedBinary<TFunction> : IBinary<float, float, float>
    where TFunction : struct, IBinary<float, float, float>
{
    public static float Of(float a, float b) => Flush.Of(TFunction.Of(Flush.Of(a), Flush.Of(b)));
}

/// <summary>.ftz of three operands.</summary>
internal readonly struct FlushedTernary<TFunction> : ITernary<float, float, float, float>
    where TFunction : struct, ITernary<float, float, float, float>
{
    public static float Of(float a, float b, float c) => Flush.Of(TFunction.Of(Flush.Of(a), Flush.Of(b), Flush.Of(c)));
}

/// <summary>.sat: the result is held between 0 and 1, NaN becomes 0.</summary>
internal readonly struct SaturatedUnary<TFunction> : IUnary<float, float>
    where TFunction : struct, IUnary<float, float>
{
    public static float Of(float a) => Saturate.Of(TFunction.Of(a));
}

/// <summary>.sat of two operands.</summary>
internal readonly struct SaturatedBinary<TFunction> : IBinary<float, float, float>
    where TFunction : struct, IBinary<float, float, float>
{
    public static float Of(float a, float b) => Saturate.Of(TFunction.Of(a, b));
}

/// <summary>.sat of three operands.</summary>
internal readonly struct SaturatedTernary<TFunction> : ITernary<float, float, float, float>
    where TFunction : struct, ITernary<float, float, float, float>
{
    public static float Of(float a, float b, float c) => Saturate.Of(TFunction.Of(a, b, c));
}

internal static class Flush
{
    public static float Of(float a) => float.IsSubnormal(a) ? MathF.CopySign(0, a) : a;
}

internal static class Saturate
{
    public static float Of(float a) => float.IsNaN(a) ? 0 : Math.Clamp(a, 0, 1);
}
