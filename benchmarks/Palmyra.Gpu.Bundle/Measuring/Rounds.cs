using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Bundle.Measuring;

/// <summary>How measurements are repeated.</summary>
internal static class Rounds
{
    private const double LeastMilliseconds = 5;
    private const int MostRepetitions = 200;

    /// <summary>Takes every measurement once to warm up, then once a round in turn, each second round backwards: a drift of the device meets all.</summary>
    /// <returns>[measurement][round].</returns>
    public static double[][] Interleave(int rounds, params IReadOnlyList<Func<double>> measurements)
    {
        foreach (Func<double> measurement in measurements)
        {
            measurement();
        }

        double[][] found = [.. measurements.Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < measurements.Count; i++)
            {
                int which = round % 2 == 0 ? i : measurements.Count - 1 - i;
                found[which][round] = measurements[which]();
            }
        }

        return found;
    }

    /// <summary>The same of work that is recorded first, as the launches of a step are.</summary>
    /// <param name="driver">What it runs on.</param>
    /// <param name="pass">The work: launches alone.</param>
    /// <param name="graph">The recording, to be disposed after the measurement's last use.</param>
    public static Func<double> Recorded(ObservedDriver driver, Action pass, out GpuGraph graph)
    {
        // Once, to load the kernels: a recording has no place for that.
        pass();
        driver.Synchronize();
        driver.BeginCapture();
        pass();
        GpuGraph recorded = graph = driver.EndCapture();
        return Of(driver, () => driver.Replay(recorded));
    }

    /// <summary>Makes a measurement of work that may be short: as many passes as take some milliseconds, started together.</summary>
    /// <returns>A measurement of one pass in milliseconds.</returns>
    public static Func<double> Of(ObservedDriver driver, Action pass)
    {
        // The first pass compiles and loads.
        driver.Milliseconds(pass);
        double once = driver.Milliseconds(pass);
        int passes = (int)Math.Clamp(LeastMilliseconds / Math.Max(once, 1e-3), 1, MostRepetitions);
        return () => driver.Milliseconds(() =>
        {
            for (int i = 0; i < passes; i++)
            {
                pass();
            }
        }) / passes;
    }
}
