namespace Palmyra.Embedding;

/// <summary>How the hidden states of a text's tokens become one vector.</summary>
public enum Pooling
{
    /// <summary>Σ hᵢ / n.</summary>
    Mean,

    /// <summary>The last token's: the only one that saw the whole text.</summary>
    LastToken,

    /// <summary>Σ wᵢhᵢ with wᵢ = i/Σi, i from 1: later tokens saw more (SGPT, arXiv:2202.08904).</summary>
    PositionWeightedMean,
}
