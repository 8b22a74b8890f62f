using System.Numerics;

namespace Palmyra.Testing.Ptx.Instructions;

internal readonly struct Equal<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => a == b;
}

/// <summary>False where one is NaN, as every plain comparison is (PTX manual, "Floating Point Comparisons").</summary>
internal readonly struct NotEqual<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => a < b || a > b;
}

internal readonly struct Less<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => a < b;
}

internal readonly struct LessOrEqual<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => a <= b;
}

internal readonly struct Greater<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => a > b;
}

internal readonly struct GreaterOrEqual<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => a >= b;
}

/// <summary>True where one is NaN, as all of these are.</summary>
internal readonly struct EqualOrNan<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => !(a < b || a > b);
}

internal readonly struct NotEqualOrNan<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => a != b;
}

internal readonly struct LessOrNan<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => !(a >= b);
}

internal readonly struct LessOrEqualOrNan<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => !(a > b);
}

internal readonly struct GreaterOrNan<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => !(a <= b);
}

internal readonly struct GreaterOrEqualOrNan<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => !(a < b);
}

internal readonly struct BothNumbers<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => !T.IsNaN(a) && !T.IsNaN(b);
}

internal readonly struct EitherNan<T> : IComparison<T>
    where T : unmanaged, INumber<T>
{
    public static bool Of(T a, T b) => T.IsNaN(a) || T.IsNaN(b);
}
