using ILGPU;

namespace Palmyra.Gpu.Kernels;

/// <summary>exp, log, tanh, the logistic function and the normal distribution, to float's precision.</summary>
/// <remarks>
/// ILGPU's own are the hardware's approximations (tanh to 2⁻¹¹, log to 2⁻²² of 1) and it has no erf. The formulas are those of the CPU's
/// functions of the same name, which say how exact they are; the multiplications and additions fuse or not as the assembler likes.
/// </remarks>
internal static class Elementary
{
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    // 1.5·2²³: adding it rounds a number to an integer, which the low bits then hold.
    private const float Shift = 12582912f;
    private const float Lowest = -87.33654f;

    /// <summary>eˣ for x ≤ 0; exactly 1 at 0, exactly 0 below −87.3.</summary>
    public static float ExpOfNegative(float x)
    {
        float shifted = (x * Log2E) + Shift;
        float n = shifted - Shift;
        float r = x - (n * Ln2High);
        r -= n * Ln2Low;
        float p = (r * 1.98919813e-4f) + 1.39345419e-3f;
        p = (p * r) + 8.33331002e-3f;
        p = (p * r) + 4.16664568e-2f;
        p = (p * r) + 0.166666667f;
        p = (p * r) + 0.500000001f;
        p = (p * (r * r)) + r + 1;
        float power = Interop.IntAsFloat((uint)(Interop.FloatAsInt(shifted) + 127) << 23);
        return x < Lowest ? 0 : p * power;
    }

    /// <summary>
    /// ln x: x = 2ᵉ·m with m about 1, ln m = 2·artanh((m − 1)/(m + 1)) by its series. −∞ at 0, NaN below; NaN and +∞ are themselves, so that a
    /// model's NaN shows. Positive numbers below 2⁻¹²⁶ are not told apart well.
    /// </summary>
    public static float Log(float x)
    {
        const uint RootHalf = 0x3F3504F3;
        int bits = (int)Interop.FloatAsInt(x) - (int)RootHalf;
        float exponent = bits >> 23;
        float m = Interop.IntAsFloat((uint)(bits & 0x007FFFFF) + RootHalf);
        float s = (m - 1) / (m + 1);
        float square = s * s;
        float p = (square * (1f / 11)) + (1f / 9);
        p = (p * square) + (1f / 7);
        p = (p * square) + (1f / 5);
        p = (p * square) + (1f / 3);
        float m2 = 2 * s;
        float small = (m2 * square * p) + (exponent * Ln2Low);
        float ln = (exponent * Ln2High) + (m2 + small);
        float strange = x > 0 ? x : x == 0 ? float.NegativeInfinity : float.NaN;
        return x > 0 && x <= float.MaxValue ? ln : strange;
    }

    /// <summary>1/(1 + e⁻ˣ).</summary>
    public static float Logistic(float x)
    {
        float e = ExpOfNegative(-MathF.Abs(x));
        return (x < 0 ? e : 1f) / (1 + e);
    }

    /// <summary>tanh x.</summary>
    public static float Tanh(float x)
    {
        float size = MathF.Abs(x);
        float square = x * x;
        float p = (square * 2.26950168e-3f) - 8.32318706e-3f;
        p = (p * square) + 2.17625029e-2f;
        p = (p * square) - 5.39584616e-2f;
        p = (p * square) + 0.133333001f;
        p = (p * square) - 0.333333331f;
        float near = (p * square * x) + x;
        float e = ExpOfNegative(size * -2);
        float far = (1 - e) / (1 + e);
        far = x < 0 ? -far : far;
        return size < 0.63f ? near : far;
    }

    /// <summary>Φ(x) = (1 + erf(x/√2))/2.</summary>
    public static float NormalDistribution(float x)
    {
        float z = MathF.Abs(x) * 0.707106781f;
        float square = z * z;
        float p = (square * 7.87587506e-5f) - 8.01686429e-4f;
        p = (p * square) + 5.18908742e-3f;
        p = (p * square) - 2.68542120e-2f;
        p = (p * square) + 0.112835947f;
        p = (p * square) - 0.376126267f;
        p = (p * square) + 1.12837917f;
        float near = p * z * 0.5f;
        near = x < 0 ? 0.5f - near : 0.5f + near;

        float t = 2 / (z + 2);
        float q = (t * -0.0724400109f) + 0.228972518f;
        q = (q * t) - 0.207972548f;
        q = (q * t) - 0.0145062955f;
        q = (q * t) - 6.37990199e-4f;
        q = (q * t) + 0.0772482280f;
        q = (q * t) + 0.178448253f;
        q = (q * t) + 0.246476982f;
        q = (q * t) + 0.282125637f;
        q = (q * t) + 0.282093687f;
        float tail = ExpOfNegative(-square) * q * t * 0.5f;
        float far = x < 0 ? tail : 1 - tail;
        return z < 1 ? near : far;
    }
}
