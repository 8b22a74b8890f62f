using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// exp, the logistic function, tanh and the normal distribution on vectors, the same operations at every width and so the same bits.
// The framework's own are not used: a function that is compiled twice may round differently the second time.
// Polynomials are Chebyshev fits made for these intervals; all errors are against double arithmetic, as the tests measure them.
internal static class Elementary
{
    private const float Log2E = 1.44269504f;

    // ln 2 in two parts; the first has nine trailing zero bits, so that n times it is exact for every n that occurs.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>1.5·2²³: adding it rounds a number to an integer, which the low bits then hold.</summary>
    private const float Shift = 12582912f;

    /// <summary>Below this, eˣ is no longer a normal float and counts as 0.</summary>
    private const float Lowest = -87.33654f;

    /// <summary>eˣ for x ≤ 0; exactly 1 at 0, exactly 0 below −87.3 and at −∞. Relative error below 1.2e-7.</summary>
    /// <remarks>x = n·ln2 + r, eˣ = 2ⁿ·(1 + r + r²·P(r)) with P of degree 5.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T ExpOfNegative<T>(T x)
        where T : struct, IVector<T>
    {
        T shifted = T.MultiplyAdd(x, T.Create(Log2E), T.Create(Shift));
        T n = shifted - T.Create(Shift);
        T r = T.MultiplyAdd(n, T.Create(-Ln2High), x);
        r = T.MultiplyAdd(n, T.Create(-Ln2Low), r);
        T p = T.MultiplyAdd(r, T.Create(1.98919813e-4f), T.Create(1.39345419e-3f));
        p = T.MultiplyAdd(p, r, T.Create(8.33331002e-3f));
        p = T.MultiplyAdd(p, r, T.Create(4.16664568e-2f));
        p = T.MultiplyAdd(p, r, T.Create(0.166666667f));
        p = T.MultiplyAdd(p, r, T.Create(0.500000001f));
        p = T.MultiplyAdd(p, r * r, r) + T.Create(1);
        return T.WhereLess(x, T.Create(Lowest), T.Zero, p * T.PowerOfTwo(shifted));
    }

    /// <summary>1/(1 + e⁻ˣ), without overflow and without cancellation on either side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Logistic<T>(T x)
        where T : struct, IVector<T>
    {
        T e = ExpOfNegative(T.Zero - T.Abs(x));
        return T.WhereLess(x, T.Zero, e, T.Create(1)) / (T.Create(1) + e);
    }

    /// <summary>tanh x: an odd polynomial below 0.63, (1 − e^(−2|x|))/(1 + e^(−2|x|)) with x's sign above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x)
        where T : struct, IVector<T>
    {
        T size = T.Abs(x);
        T square = x * x;
        T p = T.MultiplyAdd(square, T.Create(2.26950168e-3f), T.Create(-8.32318706e-3f));
        p = T.MultiplyAdd(p, square, T.Create(2.17625029e-2f));
        p = T.MultiplyAdd(p, square, T.Create(-5.39584616e-2f));
        p = T.MultiplyAdd(p, square, T.Create(0.133333001f));
        p = T.MultiplyAdd(p, square, T.Create(-0.333333331f));
        T near = T.MultiplyAdd(p * square, x, x);
        T e = ExpOfNegative(size * T.Create(-2));
        T far = (T.Create(1) - e) / (T.Create(1) + e);
        far = T.WhereLess(x, T.Zero, T.Zero - far, far);
        return T.WhereLess(size, T.Create(0.63f), near, far);
    }

    /// <summary>Φ(x) = (1 + erf(x/√2))/2: what the exact GELU multiplies by.</summary>
    /// <remarks>With z = |x|/√2: erf z = z·P(z²) below 1; above, erfc z = e^(−z²)·t·Q(t), t = 2/(z + 2), so the lower tail keeps its digits.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T NormalDistribution<T>(T x)
        where T : struct, IVector<T>
    {
        T half = T.Create(0.5f);
        T z = T.Abs(x) * T.Create(0.707106781f);
        T square = z * z;
        T p = T.MultiplyAdd(square, T.Create(7.87587506e-5f), T.Create(-8.01686429e-4f));
        p = T.MultiplyAdd(p, square, T.Create(5.18908742e-3f));
        p = T.MultiplyAdd(p, square, T.Create(-2.68542120e-2f));
        p = T.MultiplyAdd(p, square, T.Create(0.112835947f));
        p = T.MultiplyAdd(p, square, T.Create(-0.376126267f));
        p = T.MultiplyAdd(p, square, T.Create(1.12837917f));
        T near = p * z * half;
        near = T.WhereLess(x, T.Zero, half - near, half + near);

        T t = T.Create(2) / (z + T.Create(2));
        T q = T.MultiplyAdd(t, T.Create(-0.0724400109f), T.Create(0.228972518f));
        q = T.MultiplyAdd(q, t, T.Create(-0.207972548f));
        q = T.MultiplyAdd(q, t, T.Create(-0.0145062955f));
        q = T.MultiplyAdd(q, t, T.Create(-6.37990199e-4f));
        q = T.MultiplyAdd(q, t, T.Create(0.0772482280f));
        q = T.MultiplyAdd(q, t, T.Create(0.178448253f));
        q = T.MultiplyAdd(q, t, T.Create(0.246476982f));
        q = T.MultiplyAdd(q, t, T.Create(0.282125637f));
        q = T.MultiplyAdd(q, t, T.Create(0.282093687f));
        T tail = ExpOfNegative(T.Zero - square) * q * t * half;
        T far = T.WhereLess(x, T.Zero, tail, T.Create(1) - tail);
        return T.WhereLess(z, T.Create(1), near, far);
    }
}
