namespace Palmyra.Generation.Sampling;

/// <summary>Forbids the end tokens until prompt and text (<c>min_length</c>) or the text alone (<c>min_new_tokens</c>) are long enough.</summary>
/// <param name="minimum">The length.</param>
/// <param name="newTokensOnly">Whether the prompt does not count.</param>
/// <param name="endTokens">The end tokens.</param>
internal sealed class MinLengthProcessor(int minimum, bool newTokensOnly, int[] endTokens) : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        if (tokens.Length - (newTokensOnly ? context.PromptLength : 0) < minimum)
        {
            SuppressTokensProcessor.Forbid(endTokens, logits);
        }
    }
}
