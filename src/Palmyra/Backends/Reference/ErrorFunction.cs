namespace Palmyra.Backends.Reference;

/// <summary>The complementary error function in double precision, from its series and its continued fraction.</summary>
/// <remarks>Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6 (series) and 7.1.14 (continued fraction).</remarks>
internal static class ErrorFunction
{
    /// <summary>erfc(x) = 1 − erf(x), to about 1e-15 relative.</summary>
    public static double Complement(double x)
    {
        if (double.IsNaN(x))
        {
            return x;
        }

        if (x < 0)
        {
            return 2 - Complement(-x);
        }

        return x < 2.5 ? 1 - Series(x) : Fraction(x);
    }

    // erf(x) = 2/√π e^(−x²) Σ 2ⁿ x^(2n+1) / (1·3·5···(2n+1)): all terms positive, no cancellation.
    private static double Series(double x)
    {
        double term = x;
        double sum = x;
        for (int n = 1; term > sum * 1e-17; n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }

        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    // √π e^(x²) erfc(x) = 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + ...)))), evaluated from a depth that suffices from x = 2.5 on.
    private static double Fraction(double x)
    {
        double tail = x;
        for (int n = 120; n >= 1; n--)
        {
            tail = x + (n / 2.0 / tail);
        }

        return Math.Exp(-x * x) / (Math.Sqrt(Math.PI) * tail);
    }
}
