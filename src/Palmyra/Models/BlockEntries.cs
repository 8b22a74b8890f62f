namespace Palmyra.Models;

/// <summary>The tensors of one layer in a checkpoint; what a family lacks is null.</summary>
public sealed class BlockEntries
{
    /// <summary>Gain of the first norm.</summary>
    public required WeightEntry Norm1Gain { get; init; }

    /// <summary>Bias of the first norm.</summary>
    public required WeightEntry Norm1Bias { get; init; }

    /// <summary>Queries, keys and values: one tensor (GPT-2) or three, stacked when loaded.</summary>
    public required IReadOnlyList<WeightEntry> Qkv { get; init; }

    /// <summary>Bias of q, k and v.</summary>
    public WeightEntry? QkvBias { get; init; }

    /// <summary>Attention's output projection.</summary>
    public required WeightEntry Out { get; init; }

    /// <summary>Its bias.</summary>
    public WeightEntry? OutBias { get; init; }

    /// <summary>Gain of the second norm.</summary>
    public WeightEntry? Norm2Gain { get; init; }

    /// <summary>Bias of the second norm.</summary>
    public WeightEntry? Norm2Bias { get; init; }

    /// <summary>First feed-forward matrix.</summary>
    public required WeightEntry Up { get; init; }

    /// <summary>Its bias.</summary>
    public required WeightEntry UpBias { get; init; }

    /// <summary>Second feed-forward matrix.</summary>
    public required WeightEntry Down { get; init; }

    /// <summary>Its bias.</summary>
    public required WeightEntry DownBias { get; init; }

    /// <summary>Its four matrices in the order a token meets them.</summary>
    public IEnumerable<MatrixEntries> Matrices =>
        new[] { Qkv, [Out], [Up], [Down] }.Select(parts => new MatrixEntries(MatrixRole.Layer, parts));

    /// <summary>All of them in the order a token meets them.</summary>
    public IEnumerable<WeightEntry> All =>
        new[] { Norm1Gain, Norm1Bias }
            .Concat(Qkv)
            .Concat(new[] { QkvBias, Out, OutBias, Norm2Gain, Norm2Bias, Up, UpBias, Down, DownBias }.OfType<WeightEntry>());
}
