using Palmyra.Backends;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>Everything that is measured, on one open device, so that all ratios are taken in one run.</summary>
internal static class SpeedRows
{
    /// <summary>Measures.</summary>
    public static IEnumerable<ResultRow> Measure(Bench bench)
    {
        SpeedSizes sizes = SpeedSizes.For(bench.Options);
        ObservedDriver? driver = null;
        IBackend? backend = null;
        CopyBandwidth? copy = null;
        ResultRow? failed = null;
        try
        {
            driver = bench.Open();
            backend = bench.Backend(driver);
            copy = new CopyBandwidth(driver, sizes.CopyBytes);
        }
        catch (Exception failure)
        {
            failed = ResultRow.Failed("copy", "opening", failure);
        }

        if (failed is not null)
        {
            backend?.Dispose();
            yield return failed;
            yield break;
        }

        using (backend)
        using (copy)
        {
            var stand = new SpeedStand(bench, driver!, backend!, copy!, sizes);
            IEnumerable<Trial> trials =
            [
                Copy(stand), .. GemvRows.Trials(stand), .. FewRows.Trials(stand), .. GemmRows.Trials(stand), .. AttentionRows.Trials(stand),
                .. TopRows.Trials(stand), .. ModelRows.Trials(stand),
            ];
            foreach (Trial trial in trials.Where(trial => bench.Options.Wants(trial.Name)))
            {
                foreach (ResultRow row in Attempt(trial))
                {
                    yield return row;
                }
            }
        }
    }

    // One trial's failure is its row; the others are tried all the same.
    private static IReadOnlyList<ResultRow> Attempt(Trial trial)
    {
        try
        {
            return trial.Measure();
        }
        catch (Exception failure)
        {
            return [ResultRow.Failed(trial.Part, trial.Name, failure)];
        }
    }

    private static Trial Copy(SpeedStand stand)
    {
        string name = $"copy of {stand.Sizes.CopyBytes} bytes on the device, read and written";
        return new Trial("copy", name, () =>
        {
            double[] found = Rounds.Interleave(stand.Sizes.Rounds, stand.Copy.Measure)[0];
            return [new ResultRow("copy", name) { Values = [.. found.Select(value => value / 1e9)], Unit = "GB/s" }];
        });
    }
}
