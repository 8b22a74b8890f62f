namespace Palmyra.Evaluation;

/// <summary>What one task gave for one model. Everything here but <see cref="Run"/> repeats to the last digit.</summary>
public sealed record TaskResult
{
    /// <summary>The task's name.</summary>
    public required string Task { get; init; }

    /// <summary>The task's name in tables.</summary>
    public required string Title { get; init; }

    /// <summary>The protocol's name.</summary>
    public required string Protocol { get; init; }

    /// <summary>Solved examples in front of each item.</summary>
    public int FewShot { get; init; }

    /// <summary>Items scored.</summary>
    public required int Items { get; init; }

    /// <summary>Items whose context lost its beginning because it did not fit the model.</summary>
    public int ItemsCut { get; init; }

    /// <summary>Items asked for at most; null for all of the file.</summary>
    public int? Limit { get; init; }

    /// <summary>The name of the data file.</summary>
    public required string DataName { get; init; }

    /// <summary>SHA-256 of the data file.</summary>
    public required string DataSha256 { get; init; }

    /// <summary>What else was read: labels, and the file examples were drawn from if it is another.</summary>
    public IReadOnlyList<Tasks.FileSum> DataBeside { get; init; } = [];

    /// <summary>The published file it is; null for any other.</summary>
    public string? DataKnownAs { get; init; }

    /// <summary>Whether that file was made by somebody from the published one, so that numbers may differ.</summary>
    public bool DataIsDerived { get; init; }

    /// <summary>The accuracy of guessing; null where there is none.</summary>
    public double? Chance { get; init; }

    /// <summary>The metrics, the main one first.</summary>
    public required IReadOnlyList<MetricValue> Metrics { get; init; }

    /// <summary>How the run went; null for results read from a file that does not say.</summary>
    public RunFacts? Run { get; init; }

    /// <summary>The metric of a name, or null.</summary>
    public MetricValue? Find(string metric) => Metrics.FirstOrDefault(value => value.Name == metric);
}
