using Palmyra.Backends;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>The largest logits of rows, for greedy search and for sampling: microseconds, which a decoded token pays once.</summary>
internal static class TopRows
{
    /// <summary>A trial for each number of rows and of logits wanted.</summary>
    public static IEnumerable<Trial> Trials(SpeedStand stand) =>
        from rows in new[] { 1, 8 }
        from wanted in new[] { 1, 50 }
        let name = $"top {wanted} of {rows} x {stand.Sizes.Vocabulary}"
        select new Trial("top", name, () => [Measure(stand, name, rows, wanted)]);

    private static ResultRow Measure(SpeedStand stand, string name, int rows, int wanted)
    {
        (IBackend backend, SpeedSizes sizes) = (stand.Backend, stand.Sizes);
        using Tensor logits = OpCases.Tensor(backend, rows, sizes.Vocabulary, Numbers.Spread(1, rows * sizes.Vocabulary, 10));
        using Tensor top = backend.Allocate(rows, 3 * wanted);
        double[] found = Rounds.Interleave(sizes.Rounds, Rounds.Of(stand.Driver, () => backend.Top(top, logits)))[0];
        return new ResultRow("top", name)
        {
            Values = [.. found.Select(milliseconds => milliseconds * 1e3)],
            Unit = "us",
            Facts = [("GB/s of logits", rows * sizes.Vocabulary * sizeof(float) / Evaluation.Speed.SpeedResult.Median(found) / 1e6)],
        };
    }
}
