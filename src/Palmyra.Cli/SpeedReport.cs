using System.Globalization;
using System.Text.Json;
using Palmyra.Evaluation.Speed;
using Palmyra.Models;

namespace Palmyra.Cli;

/// <summary>How <c>bench</c> tells what it measured: medians of the rounds beside the limit that bounds each phase.</summary>
internal sealed class SpeedReport(string name, Transformer model, double loadSeconds, SpeedResult result)
{
    // Larger than the last cache of common processors.
    private const double CacheableBytes = 64e6;

    private readonly string _backend = model.Backend.Description;
    private readonly string _format = model.Weights.Head.Format.ToString().ToLowerInvariant();

    public void WriteText(TextWriter output)
    {
        string peak = Digits(result.Median(round => round.Peak)), bandwidth = Digits(result.Median(round => round.Bandwidth));
        string weights = Columns.Bytes(result.BytesPerToken);
        output.WriteLine($"{name}, {_format}, {result.CacheFormat.ToString().ToLowerInvariant()} cache, on {_backend}: medians of {result.Rounds.Count} rounds");
        Columns.Write(output, "lrl",
        [
            ["load", Digits(loadSeconds), "s"],
            ["first token, cold", Digits(result.ColdPrefillSeconds), $"s for {Columns.Count(result.PromptTokens)} tokens of prompt"],
            ["first token, warm", Digits(result.Median(round => round.PrefillSeconds)), "s"],
            ["prefill", Digits(result.PrefillRate), $"tokens/s, {Share(result.PrefillShare)} of the {peak} GFLOP/s measured in the same rounds"],
            ["decode", Digits(result.DecodeRate), $"tokens/s, {Share(result.DecodeShare)} of the {bandwidth} GB/s measured in the same rounds ({weights} a token)"],
        ]);
        if (result.BytesPerToken < CacheableBytes)
        {
            output.WriteLine($"The weights, {weights}, may lie in the processor's caches: a share of memory bandwidth says little then.");
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
        writer.WriteNumber("prefill_share_of_peak", result.PrefillShare);
        writer.WriteNumber("decode_tokens_per_second", result.DecodeRate);
        writer.WriteNumber("decode_share_of_bandwidth", result.DecodeShare);
        writer.WriteNumber("weight_bytes_per_token", result.BytesPerToken);
        writer.WriteNumber("bandwidth_gb_per_second", result.Median(round => round.Bandwidth));
        writer.WriteNumber("peak_gflop_per_second", result.Median(round => round.Peak));
        writer.WriteStartArray("rounds");
        foreach (SpeedRound round in result.Rounds)
        {
            writer.WriteStartObject();
            writer.WriteNumber("prefill_seconds", round.PrefillSeconds);
            writer.WriteNumber("decode_seconds", round.DecodeSeconds);
            writer.WriteNumber("decode_allocated_bytes", round.DecodeAllocatedBytes);
            writer.WriteNumber("bandwidth_gb_per_second", round.Bandwidth);
            writer.WriteNumber("peak_gflop_per_second", round.Peak);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static string Share(double value) => (100 * value).ToString("F0", CultureInfo.InvariantCulture) + " %";

    private static string Digits(double value) =>
        value.ToString(value >= 100 ? "F0" : value >= 1 ? "F2" : "F4", CultureInfo.InvariantCulture);
}
