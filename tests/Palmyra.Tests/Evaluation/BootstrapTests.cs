using Palmyra.Evaluation.Metrics;

namespace Palmyra.Tests.Evaluation;

/// <summary>Standard errors against Python's own random module, drawn and summed as lm-evaluation-harness does.</summary>
public sealed class BootstrapTests
{
    private static readonly double[] Values = [.. Enumerable.Range(0, 57).Select(i => (-(i * 37 % 11) / 4.0) - (0.125 * (i % 3)))];

    [Theory]
    [InlineData(3000, 0.42618805196258597)]
    [InlineData(500, 0.40166694419443777)]
    public void Perplexity_is_resampled_as_the_harness_resamples_it(int iterations, double expected)
    {
        double? found = Bootstrap.StandardError(Values, weights: null, (sum, count) => Math.Exp(-sum / count), iterations);
        Assert.Equal(expected, found!.Value, 1e-13);
    }

    [Fact]
    public void Weights_are_drawn_with_their_values()
    {
        double[] sums = [.. Values.Select(value => value * 10)];
        double[] words = [.. Enumerable.Range(0, 57).Select(i => 3.0 + (i * 7 % 13))];
        double? found = Bootstrap.StandardError(sums, words, (sum, weight) => Math.Exp(-sum / weight), 2000);
        Assert.Equal(0.7957384255791387, found!.Value, 1e-12);
    }

    [Fact]
    public void The_error_of_a_mean_is_the_sample_deviation_over_the_root_of_the_count()
    {
        Assert.Equal(0.10783349551773395, Statistics.MeanError(Values)!.Value, 1e-14);
        Assert.Null(Statistics.MeanError([1]));
        Assert.Null(Bootstrap.StandardError([1], null, (sum, count) => sum / count, 1000));
    }

    [Fact]
    public void Resampling_stops_when_it_is_cancelled()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            Bootstrap.StandardError(Values, null, (sum, count) => sum / count, 100_000, source.Token));
    }
}
