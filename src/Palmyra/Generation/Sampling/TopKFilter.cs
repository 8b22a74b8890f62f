namespace Palmyra.Generation.Sampling;

/// <summary>Keeps the k largest logits.</summary>
/// <param name="k">How many.</param>
/// <param name="keepTies">Whether logits equal to the last kept one stay too (transformers, OpenAI); otherwise the lowest ids win.</param>
/// <param name="ranked">Working memory.</param>
internal sealed class TopKFilter(int k, bool keepTies, RankedTokens ranked) : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        ranked.Load(logits, (int)Math.Min(k + 1L, logits.Length));
        if (ranked.Count <= k)
        {
            return;
        }

        if (!keepTies)
        {
            ranked.Keep(k, logits);
            return;
        }

        float threshold = RankedTokens.Logit(ranked.Top(k)[k - 1]);
        foreach (ref float logit in logits)
        {
            logit = logit < threshold ? float.NegativeInfinity : logit;
        }
    }
}
