using System.Globalization;
using Palmyra.Backends;
using Palmyra.Benchmarks.Models;
using Palmyra.Benchmarks.Results;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;

namespace Palmyra.Benchmarks.Targets;

/// <summary>GPT-2 124M whole: decoding against the bandwidth, prefill against the arithmetic peak, and what a token allocates.</summary>
internal static class ModelRows
{
    private const string Preset = "gpt2";
    private const int Prompt = 512;
    private const int Decoded = 128;

    // Decoding is bounded by the weights while the past is short; long pasts are a row of their own.
    private const int ShortPrompt = 8;

    /// <summary>Measures every format.</summary>
    public static IEnumerable<ResultRow> Measure(TargetOptions options)
    {
        foreach (int threads in options.Threads)
        {
            foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
            {
                foreach (ResultRow row in Measure(options.Rounds, format, threads))
                {
                    yield return row;
                }
            }
        }
    }

    private static IEnumerable<ResultRow> Measure(int rounds, MatrixFormat format, int threads)
    {
        ResultRow decode = Row($"{Preset} decode, {format}", threads, "read bandwidth") with { Target = DecodeTarget(format) };
        try
        {
            using var model = new RandomModel(Preset, format, threads);
            SpeedResult atOnce = Run(model, ShortPrompt, threads, rounds);
            SpeedResult later = Run(model, Prompt, threads, rounds);
            return
            [
                decode with { Values = [.. atOnce.Rounds.Select(atOnce.DecodeShareOf)], Note = DecodeNote(atOnce) },
                Row($"{Preset} decode after {Prompt}, {format}", threads, "read bandwidth") with
                {
                    Values = [.. later.Rounds.Select(later.DecodeShareOf)],
                    Note = DecodeNote(later),
                },
                Row($"{Preset} prefill {Prompt}, {format}", threads, "FMA peak") with
                {
                    Values = [.. later.Rounds.Select(round => later.PrefillShareOf(round)!.Value)],
                    Note = string.Create(
                        CultureInfo.InvariantCulture,
                        $"{later.PrefillRate:F0} tokens/s, peak {later.Peak:F0} GFLOP/s"),
                },
                Row($"{Preset} managed memory a decoded token, {format}", threads, "") with
                {
                    Measure = Results.Measure.Bytes,
                    Target = 0,
                    AtMost = true,
                    Values = [.. later.Rounds.Select(round => (double)round.DecodeAllocatedBytes / Decoded)],
                    Note = $"{Decoded} tokens a round, all threads",
                },
            ];
        }
        catch (BackendException error)
        {
            return [decode with { Note = $"not supported: {error.Message}" }];
        }
    }

    private static SpeedResult Run(RandomModel model, int prompt, int threads, int rounds)
    {
        using var measurement = new SpeedMeasurement(model.Transformer, prompt, Decoded, CacheFormat.F32);
        using var limits = new CpuSpeedLimits(threads);
        return measurement.Run(limits, rounds);
    }

    private static double? DecodeTarget(MatrixFormat format) => format switch
    {
        MatrixFormat.F32 or MatrixFormat.BF16 => 0.9,
        MatrixFormat.Q8 or MatrixFormat.Q4 => 0.8,
        _ => null,
    };

    private static string DecodeNote(SpeedResult result) => string.Create(
        CultureInfo.InvariantCulture,
        $"{result.DecodeRate:F1} tokens/s of {result.BytesPerToken / 1e6:F0} MB at {result.Median(round => round.Bandwidth):F1} GB/s");

    private static ResultRow Row(string name, int threads, string of) => new()
    {
        Layer = "model",
        Name = name,
        Threads = threads,
        Measure = Results.Measure.Share,
        Of = of,
    };
}
