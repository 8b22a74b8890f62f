namespace Palmyra.Generation.Sampling;

/// <summary>
/// Leaves only given tokens, with logit 0, after a prompt of one token (<c>forced_bos_token_id</c>) or at the largest length
/// (<c>forced_eos_token_id</c>).
/// </summary>
/// <param name="forced">The tokens.</param>
/// <param name="atEnd">Whether the last token is meant; otherwise the second.</param>
internal sealed class ForcedTokenProcessor(int[] forced, bool atEnd) : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        if (tokens.Length != (atEnd ? context.MaxLength - 1 : 1))
        {
            return;
        }

        logits.Fill(float.NegativeInfinity);
        foreach (int id in forced)
        {
            logits[id] = 0;
        }
    }
}
