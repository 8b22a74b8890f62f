using Palmyra.Backends;

namespace Palmyra.Evaluation.Speed;

/// <summary>What a <see cref="SpeedMeasurement"/> found: its rounds, their medians, and shares of the limit that bounds each phase.</summary>
/// <remarks>A share is taken within each round and the median over the shares, since the limits of a shared machine drift between rounds.</remarks>
public sealed class SpeedResult
{
    internal SpeedResult(
        int promptTokens,
        int decodeTokens,
        CacheFormat cacheFormat,
        double bytesPerToken,
        double prefillFlops,
        double coldPrefillSeconds,
        IReadOnlyList<SpeedRound> rounds)
    {
        PromptTokens = promptTokens;
        DecodeTokens = decodeTokens;
        CacheFormat = cacheFormat;
        BytesPerToken = bytesPerToken;
        PrefillFlops = prefillFlops;
        ColdPrefillSeconds = coldPrefillSeconds;
        Rounds = rounds;
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; }

    /// <summary>Tokens decoded after it.</summary>
    public int DecodeTokens { get; }

    /// <summary>How keys and values were kept.</summary>
    public CacheFormat CacheFormat { get; }

    /// <summary>Bytes of weights that a decoded token makes the machine read: the layers' matrices and the head, as they lie in memory.</summary>
    public double BytesPerToken { get; }

    /// <summary>Operations of a prefill: two for each weight and token; attention's scores are left out, as 2N leaves them out.</summary>
    public double PrefillFlops { get; }

    /// <summary>The first prefill of all, in seconds.</summary>
    public double ColdPrefillSeconds { get; }

    /// <summary>The rounds.</summary>
    public IReadOnlyList<SpeedRound> Rounds { get; }

    /// <summary>Tokens a second in decoding.</summary>
    public double DecodeRate => Median(round => DecodeTokens / round.DecodeSeconds);

    /// <summary>Tokens a second in prefill.</summary>
    public double PrefillRate => Median(round => PromptTokens / round.PrefillSeconds);

    /// <summary>Decoding's share of the memory bandwidth, 0 to 1; more if caches hold weights.</summary>
    public double DecodeShare => Median(DecodeShareOf);

    /// <summary>Billions of operations a second in prefill.</summary>
    public double PrefillGflops => Median(round => PrefillFlops / round.PrefillSeconds / 1e9);

    /// <summary>The arithmetic peak, GFLOP/s; null where none is measured.</summary>
    public double? Peak => MedianOfAll(round => round.Peak);

    /// <summary>Prefill's share of the arithmetic peak, 0 to 1; null where no peak is measured.</summary>
    public double? PrefillShare => MedianOfAll(PrefillShareOf);

    /// <summary>A round's share of the memory bandwidth measured in it.</summary>
    public double DecodeShareOf(SpeedRound round) => BytesPerToken * DecodeTokens / round.DecodeSeconds / (round.Bandwidth * 1e9);

    /// <summary>A round's share of the arithmetic peak measured in it; null where none was.</summary>
    public double? PrefillShareOf(SpeedRound round) => PrefillFlops / round.PrefillSeconds / (round.Peak * 1e9);

    /// <summary>The median of a number over the rounds.</summary>
    public double Median(Func<SpeedRound, double> value) => Median(Rounds.Select(value));

    /// <summary>The middle of the values, or the mean of the two middle ones.</summary>
    /// <param name="values">At least one.</param>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private double? MedianOfAll(Func<SpeedRound, double?> value) =>
        Rounds.All(round => value(round) is not null) ? Median(round => value(round)!.Value) : null;
}
