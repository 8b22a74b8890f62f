namespace Palmyra.Generation.Sampling;

/// <summary>Forbids tokens always (<c>suppress_tokens</c>) or as the first new token (<c>begin_suppress_tokens</c>).</summary>
/// <param name="suppressed">The tokens.</param>
/// <param name="atBeginOnly">Whether only the first new token is meant.</param>
/// <param name="afterForced">Whether a forced token comes first after a prompt of one token, so that the text begins one later.</param>
internal sealed class SuppressTokensProcessor(int[] suppressed, bool atBeginOnly, bool afterForced) : ILogitsProcessor
{
    public static void Forbid(ReadOnlySpan<int> ids, Span<float> logits)
    {
        foreach (int id in ids)
        {
            // An end token of the configuration may lie outside a cut vocabulary; it then cannot occur anyway.
            if ((uint)id < (uint)logits.Length)
            {
                logits[id] = float.NegativeInfinity;
            }
        }
    }

    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        int begin = context.PromptLength + (afterForced && context.PromptLength <= 1 ? 1 : 0);
        if (!atBeginOnly || tokens.Length == begin)
        {
            Forbid(suppressed, logits);
        }
    }
}
