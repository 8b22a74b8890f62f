namespace Palmyra.Evaluation.Metrics;

/// <summary>The standard error of a statistic by resampling with replacement, drawn exactly as lm-evaluation-harness draws it.</summary>
/// <remarks>
/// Chunks of 1,000 resamples; chunk i has a Mersenne Twister of its own, seeded i, and draws by Python's <c>random.choices</c>:
/// ⌊random()·n⌋. The result is the sample deviation of the statistic over all resamples. Chunks run on several threads, each into its own
/// part of the list, so the threads do not show.
/// </remarks>
internal static class Bootstrap
{
    private const int ChunkSize = 1000;

    /// <summary>The standard error of statistic(Σ values, Σ weights).</summary>
    /// <param name="values">A value an item.</param>
    /// <param name="weights">A weight an item, drawn together with its value; null for 1 each.</param>
    /// <param name="statistic">Given the sums over a resample.</param>
    /// <param name="iterations">Resamples; only whole chunks are drawn where there are more than one.</param>
    /// <param name="cancellation">Looked at between resamples.</param>
    /// <returns>Null below two items, or two resamples.</returns>
    public static double? StandardError(
        double[] values, double[]? weights, Func<double, double, double> statistic, int iterations, CancellationToken cancellation = default)
    {
        if (values.Length < 2 || iterations < 2)
        {
            return null;
        }

        int size = Math.Min(ChunkSize, iterations);
        int chunks = iterations / size;
        var resampled = new double[chunks * size];
        Parallel.For(0, chunks, new ParallelOptions { CancellationToken = cancellation }, chunk =>
        {
            var random = new PythonRandom(chunk);
            double count = values.Length;
            for (int i = chunk * size; i < (chunk + 1) * size; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                double sum = 0;
                double weight = weights is null ? count : 0;
                for (int draw = 0; draw < values.Length; draw++)
                {
                    int at = (int)(random.NextDouble() * count);
                    sum += values[at];
                    if (weights is not null)
                    {
                        weight += weights[at];
                    }
                }

                resampled[i] = statistic(sum, weight);
            }
        });
        return Statistics.SampleDeviation(resampled);
    }
}
