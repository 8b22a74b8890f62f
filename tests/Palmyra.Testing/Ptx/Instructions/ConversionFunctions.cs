using System.Numerics;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>
/// Integer to integer: the low bits of the source's register as its type says, cut or extended to the result's type, and extended to the
/// result's register where that is wider (PTX manual, "Operand Size Exceeding Instruction-Type Size").
/// </summary>
internal readonly struct Resize<TSourceRegister, TSource, TResult, TResultRegister> : IUnary<TSourceRegister, TResultRegister>
    where TSourceRegister : unmanaged, IBinaryInteger<TSourceRegister>
    where TSource : unmanaged, IBinaryInteger<TSource>
    where TResult : unmanaged, IBinaryInteger<TResult>
    where TResultRegister : unmanaged, IBinaryInteger<TResultRegister>
{
    public static TResultRegister Of(TSourceRegister a) =>
        TResultRegister.CreateTruncating(TResult.CreateTruncating(TSource.CreateTruncating(a)));
}

/// <summary>.sat between integers: the nearest number of the result's type.</summary>
internal readonly struct ResizeSaturated<TSourceRegister, TSource, TResult, TResultRegister> : IUnary<TSourceRegister, TResultRegister>
    where TSourceRegister : unmanaged, IBinaryInteger<TSourceRegister>
    where TSource : unmanaged, IBinaryInteger<TSource>
    where TResult : unmanaged, IBinaryInteger<TResult>
    where TResultRegister : unmanaged, IBinaryInteger<TResultRegister>
{
    public static TResultRegister Of(TSourceRegister a) =>
        TResultRegister.CreateTruncating(TResult.CreateSaturating(TSource.CreateTruncating(a)));
}

/// <summary>Integer to float, to nearest.</summary>
internal readonly struct IntegerToFloat<TSourceRegister, TSource, TResult> : IUnary<TSourceRegister, TResult>
    where TSourceRegister : unmanaged, IBinaryInteger<TSourceRegister>
    where TSource : unmanaged, IBinaryInteger<TSource>
    where TResult : unmanaged, INumber<TResult>
{
    public static TResult Of(TSourceRegister a) => TResult.CreateTruncating(TSource.CreateTruncating(a));
}

/// <summary>Float to float, to nearest.</summary>
internal readonly struct FloatToFloat<TSource, TResult> : IUnary<TSource, TResult>
    where TSource : unmanaged, INumber<TSource>
    where TResult : unmanaged, INumber<TResult>
{
    public static TResult Of(TSource a) => TResult.CreateTruncating(a);
}

/// <summary>
/// Float to integer: rounded, then held within the result's range. A NaN is zero, but where source or result have 64 bits it is the
/// result's highest bit alone (PTX manual, "cvt").
/// </summary>
internal readonly struct FloatToInteger<TSource, TResult, TResultRegister, TRounding> : IUnary<TSource, TResultRegister>
    where TSource : unmanaged, INumber<TSource>
    where TResult : unmanaged, IBinaryInteger<TResult>
    where TResultRegister : unmanaged, IBinaryInteger<TResultRegister>
    where TRounding : struct, IUnary<double, double>
{
    public static TResultRegister Of(TSource a)
    {
        int bits = 8 * TResult.Zero.GetByteCount();
        if (TSource.IsNaN(a))
        {
            bool wide = bits == 64 || typeof(TSource) == typeof(double);
            return wide ? TResultRegister.CreateTruncating(TResult.One << (bits - 1)) : TResultRegister.Zero;
        }

        return TResultRegister.CreateTruncating(TResult.CreateSaturating(TRounding.Of(double.CreateTruncating(a))));
    }
}

/// <summary>Float to the integer nearby that the rounding chooses, as a float.</summary>
internal readonly struct RoundToIntegral<T, TRounding> : IUnary<T, T>
    where T : unmanaged, INumber<T>
    where TRounding : struct, IUnary<double, double>
{
    public static T Of(T a) => T.CreateTruncating(TRounding.Of(double.CreateTruncating(a)));
}

internal readonly struct ToNearest : IUnary<double, double>
{
    public static double Of(double a) => Math.Round(a, MidpointRounding.ToEven);
}

internal readonly struct ToZero : IUnary<double, double>
{
    public static double Of(double a) => Math.Truncate(a);
}

internal readonly struct Down : IUnary<double, double>
{
    public static double Of(double a) => Math.Floor(a);
}

internal readonly struct Up : IUnary<double, double>
{
    public static double Of(double a) => Math.Ceiling(a);
}
