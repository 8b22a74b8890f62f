namespace Palmyra.Evaluation;

/// <summary>How a context and its continuation become tokens.</summary>
public enum ContinuationEncoding
{
    /// <summary>
    /// Blanks at the context's end go to the continuation, the joint text is encoded, and the continuation's tokens are those beyond the
    /// context's own count (lm-evaluation-harness since June 2023).
    /// </summary>
    Joint,

    /// <summary>Each by itself, then one after the other (the harness of 2021).</summary>
    Separate,
}
