using Palmyra.Evaluation.Scoring;

namespace Palmyra.Tests.Evaluation;

public sealed class RollingWindowsTests
{
    private const int Prefix = -1;

    public static TheoryData<int, int, int> Cases
    {
        get
        {
            var cases = new TheoryData<int, int, int>();
            foreach (int tokens in new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 20, 21, 22 })
            {
                foreach ((int length, int context) in new[] { (1, 1), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4), (7, 1), (7, 3), (30, 1) })
                {
                    cases.Add(tokens, length, context);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Windows_are_those_of_the_rule(int tokens, int length, int context)
    {
        int[] ids = [.. Enumerable.Range(0, tokens)];
        List<(List<int> Context, List<int> Continuation)> expected = Rule([.. ids], length, context);
        TokenRequest[] windows = [.. RollingWindows.Cut(ids, Prefix, length, context)];
        Assert.Equal(
            expected.Select(window => (string.Join(' ', window.Context), string.Join(' ', window.Continuation))),
            windows.Select(window => (string.Join(' ', window.Ids[..window.ContextLength].ToArray()), string.Join(' ', window.Continuation.ToArray()))));

        Assert.Equal(ids, windows.SelectMany(window => window.Continuation.ToArray()));
        Assert.All(windows, window => Assert.InRange(window.Input.Length, 1, length));
        Assert.All(windows.Skip(1), window => Assert.True(window.Input.Length == length && window.ContextLength >= context));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(4, 0)]
    [InlineData(4, 5)]
    public void Sizes_out_of_range_are_refused(int length, int context) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => RollingWindows.Cut(new[] { 1, 2 }, Prefix, length, context));

    // The rule, literally. A window predicts the next max - context + 1 tokens, or what is left, the first one max; its input is the max
    // tokens that end one before the last of them. Made disjoint: what of the input lies before them is context.
    private static List<(List<int> Context, List<int> Continuation)> Rule(List<int> tokens, int max, int context)
    {
        var windows = new List<(List<int>, List<int>)>();
        int predicted = 0;
        while (predicted < tokens.Count)
        {
            int count = Math.Min(tokens.Count - predicted, predicted == 0 ? max : max - context + 1);
            int end = predicted + count;
            List<int> input = predicted == 0 ? [Prefix, .. tokens.GetRange(0, end - 1)] : tokens.GetRange(end - max - 1, max);
            windows.Add((input.GetRange(0, input.Count - (count - 1)), tokens.GetRange(predicted, count)));
            predicted = end;
        }

        return windows;
    }
}
