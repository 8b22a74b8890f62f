using Palmyra.Evaluation.Metrics;

namespace Palmyra.Tests.Evaluation.Metrics;

/// <summary>Expected values are those of Python 3.11's random.Random; 3.8 and 3.13 give the same.</summary>
public sealed class PythonRandomTests
{
    [Theory]
    [InlineData(0, 0.8444218515250481, 0.7579544029403025, 0.4804125346981437)]
    [InlineData(1, 0.13436424411240122, 0.8474337369372327, 0.7062615472551386)]
    [InlineData(42, 0.6394267984578837, 0.025010755222666936, 0.8554501933059546)]
    [InlineData(1234, 0.9664535356921388, 0.4407325991753527, 0.5225741878549308)]
    [InlineData(-1, 0.13436424411240122, 0.8474337369372327, 0.7062615472551386)]
    [InlineData(-1234, 0.9664535356921388, 0.4407325991753527, 0.5225741878549308)]
    [InlineData(2147483647, 0.3177580158172969, 0.8173550078299876, 0.7494061723935715)]
    [InlineData(int.MinValue, 0.3387958510019964, 0.5050619906087787, 0.2903215878647235)]
    public void Numbers_are_those_of_random(int seed, double first, double second, double thousandth)
    {
        var random = new PythonRandom(seed);
        double[] drawn = [.. Enumerable.Range(0, 1000).Select(_ => random.NextDouble())];
        Assert.Equal([first, second, thousandth], [drawn[0], drawn[1], drawn[999]]);
    }

    [Theory]
    [InlineData(0, new[] { 0, 1, 0, 4, 15, 12, 38, 3904, 768905175, 1252803391 })]
    [InlineData(1, new[] { 0, 0, 1, 1, 15, 14, 60, 3109, 450874518, 201561926 })]
    [InlineData(42, new[] { 0, 0, 2, 4, 7, 7, 17, 839, 186699713, 1268073012 })]
    [InlineData(1234, new[] { 0, 0, 0, 1, 1, 2, 12, 2905, 508545124, 37426449 })]
    [InlineData(-1, new[] { 0, 0, 1, 1, 15, 14, 60, 3109, 450874518, 201561926 })]
    [InlineData(-1234, new[] { 0, 0, 0, 1, 1, 2, 12, 2905, 508545124, 37426449 })]
    [InlineData(2147483647, new[] { 0, 0, 0, 4, 10, 0, 68, 1583, 330181611, 468310894 })]
    [InlineData(int.MinValue, new[] { 0, 1, 2, 2, 3, 3, 88, 1007, 712619306, 2044541548 })]
    public void Numbers_below_a_bound_are_those_of_randrange(int seed, int[] expected)
    {
        var random = new PythonRandom(seed);
        Assert.Equal(expected, new[] { 1, 2, 3, 10, 16, 17, 100, 5153, 1 << 30, int.MaxValue }.Select(random.Below));
    }

    [Theory]
    [InlineData(0, new[] { 0 })]
    [InlineData(0, new[] { 0, 1 })]
    [InlineData(0, new[] { 7, 8, 1, 5, 3, 4, 2, 0, 9, 6 })]
    [InlineData(1, new[] { 6, 8, 9, 7, 5, 3, 0, 4, 1, 2 })]
    [InlineData(42, new[] { 7, 9, 5, 6, 14, 10, 12, 8, 1, 2, 13, 15, 4, 11, 0, 3 })]
    [InlineData(1234, new[] { 15, 2, 6, 4, 7, 10, 8, 5, 11, 13, 16, 9, 12, 1, 0, 3, 14 })]
    [InlineData(-1234, new[] { 15, 2, 6, 4, 7, 10, 8, 5, 11, 13, 16, 9, 12, 1, 0, 3, 14 })]
    [InlineData(-7, new[] { 4, 0, 3, 1, 2 })]
    public void Items_are_shuffled_as_by_shuffle(int seed, int[] expected)
    {
        var random = new PythonRandom(seed);
        int[] items = [.. Enumerable.Range(0, expected.Length)];
        random.Shuffle<int>(items);
        Assert.Equal(expected, items);
    }

    [Fact]
    public void A_long_list_is_shuffled_as_by_shuffle()
    {
        // The first and last items of the harness' shuffle of LAMBADA.
        var random = new PythonRandom(42);
        int[] items = [.. Enumerable.Range(0, 5153)];
        random.Shuffle<int>(items);
        Assert.Equal([95, 4263, 3200, 3219, 379], items[..5]);
        Assert.Equal([1828, 2006, 2253, 204, 912], items[^5..]);
    }

    /// <summary>Both ways of sampling, and the populations where CPython changes from one to the other.</summary>
    [Theory]
    [InlineData(0, 21, new[] { 12, 13, 1, 8, 16 })]
    [InlineData(0, 22, new[] { 12, 13, 1, 8, 16 })]
    [InlineData(1, 21, new[] { 4, 18, 2 })]
    [InlineData(1, 22, new[] { 4, 18, 2 })]
    [InlineData(42, 85, new[] { 81, 14, 3, 35, 31, 28 })]
    [InlineData(42, 86, new[] { 81, 14, 3, 35, 31, 28 })]
    [InlineData(42, 277, new[] { 57, 12, 140, 125, 114, 71, 52, 44, 216, 16, 15, 47, 111, 119, 258, 13, 101, 214, 112, 229, 142, 3, 194, 206, 40 })]
    [InlineData(42, 278, new[] { 57, 12, 140, 125, 114, 71, 52, 44, 216, 16, 15, 47, 111, 119, 258, 13, 101, 214, 112, 229, 142, 3, 81, 174, 79 })]
    [InlineData(1234, 5153, new[] { 3610, 957, 61, 742, 4769 })]
    [InlineData(1234, 1838, new[] { 1593, 902, 239, 15, 185, 1652, 1192, 71, 1375, 1419 })]
    [InlineData(1234, 10, new[] { 7, 1, 0, 9, 4, 6, 5, 3, 8, 2 })]
    [InlineData(1234, 1, new[] { 0 })]
    [InlineData(-1, 100, new[] { 17, 72, 97, 8, 32, 15, 63, 57, 60, 83, 48, 26, 12, 62, 3, 49, 55, 77, 98, 0, 89 })]
    [InlineData(-1, 85, new[] { 17, 72, 8, 32, 15, 63, 57, 60, 48, 26, 12, 62, 3, 49, 55, 0, 78, 34, 29, 13, 40 })]
    [InlineData(-1, 86, new[] { 17, 72, 8, 32, 15, 63, 57, 60, 83, 48, 26, 12, 62, 3, 49, 55, 77, 0, 34, 29, 75 })]
    [InlineData(7, 3, new int[0])]
    public void Samples_are_those_of_sample(int seed, int population, int[] expected)
    {
        var random = new PythonRandom(seed);
        Assert.Equal(expected, random.Sample(population, expected.Length));
    }
}
