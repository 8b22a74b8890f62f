using System.Globalization;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Benchmarks.Operations;
using Palmyra.Benchmarks.Results;
using Palmyra.Evaluation.Speed;

namespace Palmyra.Benchmarks.Targets;

/// <summary>Attention and scoring, against the limit that bounds each: what a decoding row reads of the cache, what a prompt computes.</summary>
internal static class OperationRows
{
    private const int Prompt = 512;
    private const int Past = 1023;

    /// <summary>Measures attention of GPT-2's and GPT-J's heads, and the head's score.</summary>
    public static IEnumerable<ResultRow> Measure(TargetOptions options)
    {
        foreach (int threads in options.Threads)
        {
            foreach ((string name, int heads, int headDim) in new[] { ("gpt2", 12, 64), ("gpt-j", 16, 256) })
            {
                yield return Decoding(options.Rounds, threads, $"Attend {name} {heads}x{headDim}", heads, headDim);
                yield return Prefill(options.Rounds, threads, $"Attend {name} {heads}x{headDim}", heads, headDim);
            }

            yield return Score(options.Rounds, threads);
        }
    }

    private static ResultRow Decoding(int rounds, int threads, string name, int heads, int headDim)
    {
        // As many layers as exceed any cache, read in turn as a step of the model reads them.
        long layerBytes = 2L * (Past + 1) * heads * headDim * sizeof(float);
        int layers = (int)(((512L << 20) + layerBytes - 1) / layerBytes);
        using var attention = new CachedAttention(threads, heads, headDim, layers, Past, rows: 1, CacheFormat.F32);
        double bytes = (double)layers * layerBytes;
        return Row(
            rounds, threads, $"{name}, 1 row after {Past}", "read bandwidth", "GB/s",
            () => MachineLimits.ReadBandwidth(threads), () => bytes / 1e9 / Timing.Best(attention.RunLayers));
    }

    private static ResultRow Prefill(int rounds, int threads, string name, int heads, int headDim)
    {
        using var attention = new CachedAttention(threads, heads, headDim, layers: 1, past: 0, Prompt, CacheFormat.F32);

        // Two products of headDim for each row and each token it sees.
        double operations = 4.0 * heads * headDim * Prompt * (Prompt + 1) / 2;
        return Row(
            rounds, threads, $"{name}, {Prompt} rows", "FMA peak", "GFLOP/s",
            () => MachineLimits.FmaPeak(threads), () => operations / 1e9 / Timing.Best(attention.RunLayers));
    }

    private static ResultRow Score(int rounds, int threads)
    {
        using var scoring = new Scoring(threads, NamedShape.Gpt2Head, MatrixFormat.F32, Prompt);
        double operations = 2.0 * NamedShape.Gpt2Head.Count * Prompt;
        return Row(
            rounds, threads, $"Score {NamedShape.Gpt2Head}, F32, {Prompt} rows", "FMA peak", "GFLOP/s",
            () => MachineLimits.FmaPeak(threads), () => operations / 1e9 / Timing.Best(scoring.Run));
    }

    private static ResultRow Row(int rounds, int threads, string name, string of, string unit, Func<double> limit, Func<double> rate)
    {
        double[][] found = Timing.Interleave(rounds, [limit, rate]);
        return new ResultRow
        {
            Layer = "operation",
            Name = name,
            Threads = threads,
            Measure = Results.Measure.Share,
            Of = of,
            Values = [.. found[1].Zip(found[0], (own, most) => own / most)],
            Note = string.Create(CultureInfo.InvariantCulture, $"{SpeedResult.Median(found[1]):F1} of {SpeedResult.Median(found[0]):F1} {unit}"),
        };
    }
}
