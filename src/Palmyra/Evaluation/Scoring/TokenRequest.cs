namespace Palmyra.Evaluation.Scoring;

/// <summary>Tokens whose last ones are scored: a context and its continuation.</summary>
/// <param name="Ids">The context, then the continuation.</param>
/// <param name="ContextLength">Tokens of the context: read, not scored. At least 1, since nothing predicts a first token.</param>
/// <param name="IsCut">Whether the context lost its beginning because it did not fit.</param>
public readonly record struct TokenRequest(ReadOnlyMemory<int> Ids, int ContextLength, bool IsCut = false)
{
    /// <summary>What is scored.</summary>
    public ReadOnlyMemory<int> Continuation => Ids[ContextLength..];

    /// <summary>What the model reads: all but the last token, which is scored and never read.</summary>
    public ReadOnlyMemory<int> Input => Ids[..^1];
}
