using System.Globalization;
using Palmyra.Backends;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Testing;

/// <summary>How far the GPU backend may be from the reference in a case of <see cref="OpCases"/>.</summary>
internal static class GpuBounds
{
    /// <summary>
    /// Whether a case multiplies on tensor cores: more than <see cref="GemmPlan.MostGemvRows"/> rows with narrow weights, or attention, whose cases
    /// all have sequences of many rows.
    /// </summary>
    public static bool IsOnTensorCores(OpCase test)
    {
        string[] words = Words(test);
        if (words[0] is not ("Linear" or "Score"))
        {
            return words[0] == "Attend";
        }

        MatrixFormat format = Enum.GetValues<MatrixFormat>().Single(format => words.Contains($"{format}"));
        return format != MatrixFormat.F32 && int.Parse(words[1], CultureInfo.InvariantCulture) > GemmPlan.MostGemvRows(format);
    }

    /// <summary>The largest normalised squared error allowed.</summary>
    /// <remarks>
    /// Inputs rounded to n digits are off by up to half a step, 2⁻ⁿ of themselves, evenly spread: a squared error of 4⁻ⁿ/3 where they are just
    /// above a power of two, a quarter of that just below. Two 16-bit numbers have twice the digits. Twice the larger is allowed.
    /// </remarks>
    public static double Of(OpCase test, GemmPrecision precision)
    {
        if (!IsOnTensorCores(test))
        {
            return test.Bound;
        }

        string[] words = Words(test);
        if (words[0] == "Attend")
        {
            int headDim = int.Parse(words[4], CultureInfo.InvariantCulture);
            float scale = float.Parse(words[7], CultureInfo.InvariantCulture);
            return precision == GemmPrecision.Exact ? test.Bound : OfAttention(headDim, scale);
        }

        int digits = words.Contains("BF16") ? 8 : 11;
        return Math.Max(test.Bound, 2 * Math.Pow(4, -(precision == GemmPrecision.Exact ? 2 * digits : digits)) / 3);
    }

    /// <summary>The largest normalised squared error allowed in results of attention on tensor cores, of numbers spread evenly over ±1.</summary>
    /// <remarks>
    /// Results are Σ w·v. The rounding of v and of w is off by 4⁻¹¹/3 each, squared. That of q and k moves a score, scale·Σ q·k over the head's
    /// numbers, by scale²·Σ q²k²·2·4⁻¹¹/3, squared, and a weight by as much of itself; q² and k² are 1/3 each. That errors of the keys of one query
    /// partly cancel, since weights sum to one, is left out. Twice that is allowed. The logarithm of the sum moves by no more than the scores
    /// and the weights do.
    /// </remarks>
    /// <param name="headDim">Numbers of a head.</param>
    /// <param name="scale">On q·k.</param>
    public static double OfAttention(int headDim, float scale)
    {
        double rounding = Math.Pow(4, -11) / 3;
        return 2 * ((2 * rounding) + (scale * scale * headDim / 9.0 * 2 * rounding));
    }

    private static string[] Words(OpCase test) => test.Name.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries);
}
