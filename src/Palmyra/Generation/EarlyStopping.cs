namespace Palmyra.Generation;

/// <summary>When beam search stops looking for better texts once enough are finished (transformers' <c>early_stopping</c>).</summary>
public enum EarlyStopping
{
    /// <summary><c>false</c>: stop when the worst finished text beats what the best open beam scores at its current length.</summary>
    Heuristic,

    /// <summary><c>true</c>: stop as soon as <c>num_beams</c> texts are finished.</summary>
    WhenEnough,

    /// <summary><c>"never"</c>: stop only when no open beam can win even at the most favourable length.</summary>
    Never,
}
