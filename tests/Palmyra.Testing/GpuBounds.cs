using System.Globalization;
using Palmyra.Backends;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Testing;

/// <summary>How far the GPU backend may be from the reference in a case of <see cref="OpCases"/>.</summary>
internal static class GpuBounds
{
    /// <summary>Whether a case multiplies on tensor cores: more than <see cref="GemmPlan.MostGemvRows"/> rows with narrow weights.</summary>
    public static bool IsOnTensorCores(OpCase test)
    {
        string[] words = test.Name.Split(' ');
        if (words[0] is not ("Linear" or "Score"))
        {
            return false;
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

        int digits = test.Name.Split(' ').Contains("BF16") ? 8 : 11;
        return Math.Max(test.Bound, 2 * Math.Pow(4, -(precision == GemmPrecision.Exact ? 2 * digits : digits)) / 3);
    }
}
