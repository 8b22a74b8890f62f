using System.Globalization;
using System.Text.Json;
using Palmyra.Benchmarks.Processes;
using Palmyra.Benchmarks.Results;

namespace Palmyra.Benchmarks.Targets;

/// <summary>Processes: how soon <c>palmyra generate</c> shows a token, and GPT-J-6B in Q4 as <c>palmyra bench</c> runs it.</summary>
internal static class ProcessRows
{
    private const double MostBytes = 8e9;
    private const double DecodeTarget = 0.8;

    /// <summary>Measures the time to the first token with the model that ships with Palmyra.</summary>
    public static IEnumerable<ResultRow> FirstToken(TargetOptions options)
    {
        // Once for the file cache.
        PalmyraProcess.FirstToken();
        yield return new ResultRow
        {
            Layer = "process",
            Name = "palmyra generate, storyteller: start of the process to its first token",
            Threads = Environment.ProcessorCount,
            Measure = Measure.Seconds,
            Values = [.. Enumerable.Range(0, options.Rounds).Select(_ => PalmyraProcess.FirstToken())],
        };
    }

    /// <summary>Measures GPT-J-6B with random weights; takes minutes and 8 GB.</summary>
    public static IEnumerable<ResultRow> GptJ(TargetOptions options)
    {
        int threads = options.Threads.Max();
        var memory = new ResultRow
        {
            Layer = "process",
            Name = "gpt-j-6b, Q4: most memory of the process, 512 MB of it to measure bandwidth",
            Threads = threads,
            Measure = Measure.Bytes,
            Target = MostBytes,
            AtMost = true,
        };
        var decode = new ResultRow
        {
            Layer = "process",
            Name = "gpt-j-6b decode, Q4",
            Threads = threads,
            Measure = Measure.Share,
            Of = "read bandwidth",
            Target = DecodeTarget,
        };
        (string output, long peak, string? error) = PalmyraProcess.Run(
            "bench", "--preset", "gpt-j-6b", "--dtype", "q4", "--prompt-tokens", "8", "--decode-tokens", "24",
            "--threads", threads.ToString(CultureInfo.InvariantCulture), "--rounds", options.Rounds.ToString(CultureInfo.InvariantCulture), "--json");
        if (error is not null)
        {
            string note = $"not supported: {error.Split('\n')[0]}";
            return [memory with { Note = note }, decode with { Note = note }];
        }

        using JsonDocument document = JsonDocument.Parse(output);
        JsonElement found = document.RootElement;
        double tokens = found.GetProperty("decode_tokens").GetDouble();
        double bytes = found.GetProperty("weight_bytes_per_token").GetDouble();
        double rate = found.GetProperty("decode_tokens_per_second").GetDouble();
        double bandwidth = found.GetProperty("bandwidth_gb_per_second").GetDouble();
        double Share(JsonElement round) => bytes * tokens / round.GetProperty("decode_seconds").GetDouble()
            / (round.GetProperty("bandwidth_gb_per_second").GetDouble() * 1e9);
        return
        [
            memory with { Values = [peak] },
            decode with
            {
                Values = [.. found.GetProperty("rounds").EnumerateArray().Select(Share)],
                Note = string.Create(CultureInfo.InvariantCulture, $"{rate:F2} tokens/s of {bytes / 1e9:F2} GB at {bandwidth:F1} GB/s"),
            },
        ];
    }
}
