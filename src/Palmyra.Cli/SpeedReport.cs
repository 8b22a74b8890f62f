using System.Globalization;
using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Models;

namespace Palmyra.Cli;

/// <summary>Medians of the rounds, and shares of the limit that bounds each phase: memory for decode, arithmetic for prefill.</summary>
internal sealed class SpeedReport
{
    // Larger than the last cache of common processors.
    private const double CacheableBytes = 64e6;

    private readonly SpeedRound[] _rounds;
    private readonly string _name;
    private readonly string _backend;
    private readonly MatrixFormat _format;
    private readonly CacheFormat _cacheFormat;
    private readonly int _promptTokens, _decodeTokens;
    private readonly double _load, _first, _bytesPerToken, _prefillFlops;

    public SpeedReport(
        string name, Transformer model, KvCache cache, int promptTokens, int decodeTokens, double loadSeconds, double firstSeconds, SpeedRound[] rounds)
    {
        var size = new ModelSize(model.Config);
        _name = name;
        _backend = model.Backend.Description;
        _format = model.Weights.Head.Format;
        _cacheFormat = cache.Format;
        (_promptTokens, _decodeTokens, _load, _first, _rounds) = (promptTokens, decodeTokens, loadSeconds, firstSeconds, rounds);
        _bytesPerToken = size.BytesReadPerToken(_format);

        // Attention's scores are left out, as 2N leaves them out; the head sees the last token only.
        _prefillFlops = 2.0 * ((size.LayerMatrixParameters * (double)promptTokens) + size.HeadParameters);
    }

    private double DecodeRate => Median(round => _decodeTokens / round.DecodeSeconds);

    private double PrefillRate => Median(round => _promptTokens / round.PrefillSeconds);

    private double DecodeShare => Median(round => _bytesPerToken * _decodeTokens / round.DecodeSeconds / (round.Bandwidth * 1e9));

    private double PrefillShare => Median(round => _prefillFlops / round.PrefillSeconds / (round.Peak * 1e9));

    public void WriteText(TextWriter output)
    {
        string format = _format.ToString().ToLowerInvariant();
        string peak = Digits(Median(round => round.Peak)), bandwidth = Digits(Median(round => round.Bandwidth));
        string weights = Columns.Bytes(_bytesPerToken);
        output.WriteLine($"{_name}, {format}, {_cacheFormat.ToString().ToLowerInvariant()} cache, on {_backend}: medians of {_rounds.Length} rounds");
        Columns.Write(output, "lrl",
        [
            ["load", Digits(_load), "s"],
            ["first token, cold", Digits(_first), $"s for {Columns.Count(_promptTokens)} tokens of prompt"],
            ["first token, warm", Digits(Median(round => round.PrefillSeconds)), "s"],
            ["prefill", Digits(PrefillRate), $"tokens/s, {Share(PrefillShare)} of the {peak} GFLOP/s measured in the same rounds"],
            ["decode", Digits(DecodeRate), $"tokens/s, {Share(DecodeShare)} of the {bandwidth} GB/s measured in the same rounds ({weights} a token)"],
        ]);
        if (_bytesPerToken < CacheableBytes)
        {
            output.WriteLine($"The weights, {weights}, may lie in the processor's caches: a share of memory bandwidth says little then.");
        }
    }

    public void WriteJson(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("model", _name);
        writer.WriteString("backend", _backend);
        writer.WriteString("dtype", _format.ToString().ToLowerInvariant());
        writer.WriteString("cache_dtype", _cacheFormat.ToString().ToLowerInvariant());
        writer.WriteNumber("prompt_tokens", _promptTokens);
        writer.WriteNumber("decode_tokens", _decodeTokens);
        writer.WriteNumber("load_seconds", _load);
        writer.WriteNumber("first_token_cold_seconds", _first);
        writer.WriteNumber("first_token_seconds", Median(round => round.PrefillSeconds));
        writer.WriteNumber("prefill_tokens_per_second", PrefillRate);
        writer.WriteNumber("prefill_share_of_peak", PrefillShare);
        writer.WriteNumber("decode_tokens_per_second", DecodeRate);
        writer.WriteNumber("decode_share_of_bandwidth", DecodeShare);
        writer.WriteNumber("weight_bytes_per_token", _bytesPerToken);
        writer.WriteNumber("bandwidth_gb_per_second", Median(round => round.Bandwidth));
        writer.WriteNumber("peak_gflop_per_second", Median(round => round.Peak));
        writer.WriteStartArray("rounds");
        foreach (SpeedRound round in _rounds)
        {
            writer.WriteStartObject();
            writer.WriteNumber("prefill_seconds", round.PrefillSeconds);
            writer.WriteNumber("decode_seconds", round.DecodeSeconds);
            writer.WriteNumber("bandwidth_gb_per_second", round.Bandwidth);
            writer.WriteNumber("peak_gflop_per_second", round.Peak);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private double Median(Func<SpeedRound, double> value)
    {
        double[] sorted = [.. _rounds.Select(value).Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static string Share(double value) => (100 * value).ToString("F0", CultureInfo.InvariantCulture) + " %";

    private static string Digits(double value) =>
        value.ToString(value >= 100 ? "F0" : value >= 1 ? "F2" : "F4", CultureInfo.InvariantCulture);
}
