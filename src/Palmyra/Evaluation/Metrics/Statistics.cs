namespace Palmyra.Evaluation.Metrics;

/// <summary>Means and their standard errors, as lm-evaluation-harness computes them.</summary>
internal static class Statistics
{
    /// <summary>The mean, added in the order given.</summary>
    public static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += value;
        }

        return sum / values.Length;
    }

    /// <summary>√(Σ(x−μ)²/(n−1)); null below two values.</summary>
    public static double? SampleDeviation(ReadOnlySpan<double> values)
    {
        if (values.Length < 2)
        {
            return null;
        }

        double mean = Mean(values);
        double squares = 0;
        foreach (double value in values)
        {
            squares += (value - mean) * (value - mean);
        }

        return Math.Sqrt(squares / (values.Length - 1));
    }

    /// <summary>The standard error of the mean, √(Σ(x−μ)²/(n−1))/√n; null below two values.</summary>
    public static double? MeanError(ReadOnlySpan<double> values) => SampleDeviation(values) / Math.Sqrt(values.Length);
}
