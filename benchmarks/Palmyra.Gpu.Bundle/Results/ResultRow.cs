namespace Palmyra.Gpu.Bundle.Results;

/// <summary>A line of the table.</summary>
/// <param name="Part">device, case, fixture, copy, gemv, few, gemm, attention, top, model or kernel.</param>
/// <param name="Name">What was run, on which shape, in which format.</param>
internal sealed record ResultRow(string Part, string Name)
{
    /// <summary>One value a round, or a single one; empty where there is none.</summary>
    public IReadOnlyList<double> Values { get; init; } = [];

    /// <summary>What the values are: "squared error", "share of copy", "TFLOP/s", "tokens/s", "ms", "us".</summary>
    public string Unit { get; init; } = "";

    /// <summary>What the value may be at most; null where nothing is promised.</summary>
    public double? Bound { get; init; }

    /// <summary>Whether it agrees; null where nothing is to agree with.</summary>
    public bool? Passed { get; init; }

    /// <summary>Further figures by name.</summary>
    public IReadOnlyList<(string Name, double Value)> Facts { get; init; } = [];

    /// <summary>Words: where the worst is, why a row failed or was left out.</summary>
    public string Note { get; init; } = "";

    /// <summary>The middle value; null if there is none.</summary>
    public double? Median => Values.Count == 0 ? null : Evaluation.Speed.SpeedResult.Median(Values);

    /// <summary>A row for what threw instead of giving a result.</summary>
    public static ResultRow Failed(string part, string name, Exception failure) =>
        new(part, name) { Passed = false, Note = $"failed: {failure.Message.ReplaceLineEndings(" ")}" };
}
