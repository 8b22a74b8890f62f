namespace Palmyra.Models;

/// <summary>A model the literature has a name for: the shape its table gives and, where one of the three families can run it, a configuration.</summary>
public sealed record ModelPreset
{
    /// <summary>How the command line and this table call it, lower case: <c>gpt-j-6b</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The shape as published. Its parameters are counted from this, even where the published row cannot be run.</summary>
    public required ModelConfig Published { get; init; }

    /// <summary>What Palmyra runs under this name; null if no family computes this model.</summary>
    /// <remarks>Equal to <see cref="Published"/> unless <see cref="Note"/> says why not.</remarks>
    public required ModelConfig? Runnable { get; init; }

    /// <summary>The head width the source prints; heads times head width is not the model width in two rows of the GPT-3 paper.</summary>
    public required int PublishedHeadDim { get; init; }

    /// <summary>Where the numbers come from.</summary>
    public required string Source { get; init; }

    /// <summary>What a user should know before comparing numbers, in a sentence; null if there is nothing.</summary>
    public string? Note { get; init; }

    /// <summary>Whether positions are computed rather than stored (fairseq's sinusoids), so that the position table holds no parameters.</summary>
    public bool ComputedPositions { get; init; }

    /// <summary>Rows of the embedding in the training framework, which pads the vocabulary; null if the checkpoint has no padding.</summary>
    public int? PaddedVocabularySize { get; init; }

    /// <summary>The number of parameters of the published shape, summed over its tensors.</summary>
    public long ParameterCount => Count(Published);

    /// <summary>The number of parameters with the padded vocabulary, as the training framework reports it; null without padding.</summary>
    public long? PaddedParameterCount =>
        PaddedVocabularySize is int rows ? Count(Published with { VocabularySize = rows }) : null;

    private long Count(ModelConfig config) =>
        new WeightMap(config).ParameterCount - (ComputedPositions ? (long)config.ContextLength * config.Width : 0);
}
