using System.Diagnostics;

namespace Palmyra.Benchmarks.Targets;

/// <summary>How rounds are timed.</summary>
internal static class Timing
{
    // What MachineLimits measures its limits with: the best pass of at least two in this time. A ratio of a best and a mean would be neither.
    private const double Seconds = 0.12;

    // Threads that spin on after a measurement (the peers' do) would take a core from the next one.
    private const int SettleMilliseconds = 15;

    /// <summary>Seconds of the best pass.</summary>
    public static double Best(Action pass)
    {
        double best = double.PositiveInfinity;
        long begin = Stopwatch.GetTimestamp();
        for (int i = 0; i < 2 || Stopwatch.GetElapsedTime(begin).TotalSeconds < Seconds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            pass();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    /// <summary>
    /// Takes every measurement once a round, in turn and each second round backwards, so that a drift of the machine meets all of them alike.
    /// </summary>
    /// <returns>[measurement][round].</returns>
    public static double[][] Interleave(int rounds, IReadOnlyList<Func<double>> measurements)
    {
        double[][] found = [.. measurements.Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < measurements.Count; i++)
            {
                int which = round % 2 == 0 ? i : measurements.Count - 1 - i;
                Thread.Sleep(SettleMilliseconds);
                found[which][round] = measurements[which]();
            }
        }

        return found;
    }
}
