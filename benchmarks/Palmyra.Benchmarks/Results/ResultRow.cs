using System.Globalization;
using System.Text.Json.Serialization;
using Palmyra.Evaluation.Speed;

namespace Palmyra.Benchmarks.Results;

/// <summary>A line of the results: what was measured, in every round, and what it should be.</summary>
internal sealed record ResultRow
{
    /// <summary>kernel, operation, model or process; or peer, a comparison with another engine.</summary>
    public required string Layer { get; init; }

    /// <summary>What was measured, on which shape, in which format.</summary>
    public required string Name { get; init; }

    /// <summary>Threads.</summary>
    public required int Threads { get; init; }

    /// <summary>What the values are.</summary>
    public required Measure Measure { get; init; }

    /// <summary>What a share or a ratio is of: "read bandwidth", "FMA peak", "ONNX Runtime".</summary>
    public string Of { get; init; } = "";

    /// <summary>What the median should reach; null where there is no target.</summary>
    public double? Target { get; init; }

    /// <summary>Whether the target is a ceiling, not a floor.</summary>
    public bool AtMost { get; init; }

    /// <summary>One value a round; empty if it could not be measured.</summary>
    public double[] Values { get; init; } = [];

    /// <summary>The figures behind the values, or why there are none.</summary>
    public string Note { get; init; } = "";

    /// <summary>The median of the values.</summary>
    [JsonIgnore]
    public double Median => SpeedResult.Median(Values);

    /// <summary>Whether the target is reached; null without target or values.</summary>
    [JsonIgnore]
    public bool? Reached => Target is not double target || Values.Length == 0 ? null : AtMost ? Median <= target : Median >= target;

    /// <summary>Name, threads.</summary>
    [JsonIgnore]
    public string Title => $"{Name}, {Threads} thread{(Threads == 1 ? "" : "s")}";

    /// <summary>The median, and the lowest and highest value.</summary>
    [JsonIgnore]
    public string Measured => Values.Length == 0 ? "-" : $"{Text(Median)} ({Text(Values.Min())} to {Text(Values.Max())})";

    /// <summary>The target in words.</summary>
    [JsonIgnore]
    public string TargetText => Target is double target ? (AtMost ? "at most " : "") + Text(target) : "";

    /// <summary>yes, no, or nothing.</summary>
    [JsonIgnore]
    public string Verdict => Reached switch { true => "yes", false => "no", null => Values.Length == 0 ? "not measured" : "" };

    private string Text(double value)
    {
        string digits = Measure switch
        {
            Measure.Share => (100 * value).ToString("F0", CultureInfo.InvariantCulture) + " %",
            Measure.Times => value.ToString("F2", CultureInfo.InvariantCulture) + "x",
            Measure.Bytes when value >= 1e9 => (value / 1e9).ToString("F2", CultureInfo.InvariantCulture) + " GB",
            Measure.Bytes => value.ToString("F0", CultureInfo.InvariantCulture) + " bytes",
            _ => value.ToString("F3", CultureInfo.InvariantCulture) + " s",
        };
        return digits;
    }
}
