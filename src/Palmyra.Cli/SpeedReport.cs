using System.Globalization;
using System.Text.Json;
using Palmyra.Evaluation.Speed;
using Palmyra.Models;

namespace Palmyra.Cli;

/// <summary>How <c>bench</c> tells what it measured: medians of the rounds beside the limit that bounds each phase.</summary>
/// <param name="name">The model's name.</param>
/// <param name="model">The model.</param>
/// <param name="loadSeconds">What loading it took.</param>
/// <param name="result">What was measured.</param>
/// <param name="limits">The limits it was measured beside.</param>
/// <param name="steps">How the tokens of a round reach the GPU; null where none runs the model.</param>
internal sealed class SpeedReport(
    string name, Transformer model, double loadSeconds, SpeedResult result, ISpeedLimits limits, StepCount? steps)
{
    // About the last cache of the largest GPUs, and larger than a desktop processor's. Those of servers hold 256 MB and more, and nothing here
    // asks the machine for its own: there a share of larger weights may be one of caches without this being said.
    private const double CacheableBytes = 128e6;

    private readonly string _backend = model.Backend.Description;
    private readonly string _format = model.Weights.Head.Format.ToString().ToLowerInvariant();

    public void WriteText(TextWriter output)
    {
        string bandwidth = Digits(result.Median(round => round.Bandwidth));
        string weights = Columns.Bytes(result.BytesPerToken);
        output.WriteLine($"{name}, {_format}, {result.CacheFormat.ToString().ToLowerInvariant()} cache, on {_backend}: medians of {result.Rounds.Count} rounds");
        Columns.Write(output, "lrl",
        [
            ["load", Digits(loadSeconds), "s"],
            ["first token, cold", Digits(result.ColdPrefillSeconds), $"s for {Columns.Count(result.PromptTokens)} tokens of prompt"],
            ["first token, warm", Digits(result.Median(round => round.PrefillSeconds)), "s"],
            ["prefill", Digits(result.PrefillRate), $"tokens/s, {PrefillLimit()}"],
            ["decode", Digits(result.DecodeRate), $"tokens/s, {Share(result.DecodeShare)} of the {bandwidth} GB/s measured in the same rounds ({weights} a token)"],
        ]);
        output.WriteLine($"The GB/s are what {limits.BandwidthMeaning}.");
        if (limits.PeakMeaning is string peak)
        {
            output.WriteLine($"The GFLOP/s are what {peak}.");
        }

        output.WriteLine("Every step ends with all logits of its last token read back; nothing is sampled. Where generate reads only the largest, it reads less.");
        if (result.BytesPerToken < CacheableBytes)
        {
            output.WriteLine($"The weights, {weights}, may lie in the last cache: a share of memory bandwidth says little then.");
        }

        if (steps is not null)
        {
            output.WriteLine(
                $"Decoding {Columns.Count(steps.Tokens)} tokens sends {Columns.Count(steps.Replays)} recorded steps as graphs and launches "
                + $"{Columns.Count(steps.Launches)} kernels one by one.{(steps.WhyNoGraphs is null ? string.Empty : " No graphs: " + steps.WhyNoGraphs)}");
        }
    }

    public void WriteJson(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("model", name);
        writer.WriteString("backend", _backend);
        writer.WriteString("dtype", _format);
        writer.WriteString("cache_dtype", result.CacheFormat.ToString().ToLowerInvariant());
        writer.WriteNumber("prompt_tokens", result.PromptTokens);
        writer.WriteNumber("decode_tokens", result.DecodeTokens);
        writer.WriteNumber("load_seconds", loadSeconds);
        writer.WriteNumber("first_token_cold_seconds", result.ColdPrefillSeconds);
        writer.WriteNumber("first_token_seconds", result.Median(round => round.PrefillSeconds));
        writer.WriteNumber("prefill_tokens_per_second", result.PrefillRate);
        writer.WriteNumber("prefill_gflop_per_second", result.PrefillGflops);
        Number(writer, "prefill_share_of_peak", result.PrefillShare);
        writer.WriteNumber("decode_tokens_per_second", result.DecodeRate);
        writer.WriteNumber("decode_share_of_bandwidth", result.DecodeShare);
        writer.WriteNumber("weight_bytes_per_token", result.BytesPerToken);
        writer.WriteNumber("bandwidth_gb_per_second", result.Median(round => round.Bandwidth));
        writer.WriteString("bandwidth_is_what", limits.BandwidthMeaning);
        Number(writer, "peak_gflop_per_second", result.Peak);
        writer.WriteString("peak_is_what", limits.PeakMeaning);
        if (steps is not null)
        {
            writer.WriteStartObject("steps");
            writer.WriteNumber("decode_tokens", steps.Tokens);
            writer.WriteNumber("graph_replays", steps.Replays);
            writer.WriteNumber("kernel_launches", steps.Launches);
            writer.WriteString("why_no_graphs", steps.WhyNoGraphs);
            writer.WriteEndObject();
        }

        writer.WriteStartArray("rounds");
        foreach (SpeedRound round in result.Rounds)
        {
            writer.WriteStartObject();
            writer.WriteNumber("prefill_seconds", round.PrefillSeconds);
            writer.WriteNumber("decode_seconds", round.DecodeSeconds);
            writer.WriteNumber("decode_allocated_bytes", round.DecodeAllocatedBytes);
            writer.WriteNumber("bandwidth_gb_per_second", round.Bandwidth);
            Number(writer, "peak_gflop_per_second", round.Peak);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private string PrefillLimit() => (result.PrefillShare, result.Peak) is (double share, double peak)
        ? $"{Share(share)} of the {Digits(peak)} GFLOP/s measured in the same rounds"
        : $"{Digits(result.PrefillGflops)} GFLOP/s; no arithmetic peak is measured here";

    private static void Number(Utf8JsonWriter writer, string name, double? value)
    {
        if (value is double number)
        {
            writer.WriteNumber(name, number);
        }
        else
        {
            writer.WriteNull(name);
        }
    }

    private static string Share(double value) => (100 * value).ToString("F0", CultureInfo.InvariantCulture) + " %";

    private static string Digits(double value) =>
        value.ToString(value >= 100 ? "F0" : value >= 1 ? "F2" : "F4", CultureInfo.InvariantCulture);
}
