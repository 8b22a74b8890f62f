using Palmyra.Backends;

namespace Palmyra.Generation.Sampling;

/// <summary>Keeps the k largest logits.</summary>
/// <param name="k">How many.</param>
/// <param name="keepTies">Whether logits equal to the last kept one stay too (transformers, OpenAI); otherwise the lowest ids win.</param>
/// <param name="ranked">Working memory.</param>
internal sealed class TopKFilter(int k, bool keepTies, RankedTokens ranked) : ILogitsProcessor
{
    /// <summary>How many of the largest logits it looks at: where ties stay, one more than it keeps.</summary>
    public int Reach => (int)Math.Min(k + (keepTies ? 1L : 0L), int.MaxValue);

    /// <summary>Whether they show all that stay: not if the last two are equal, as there may be more equal ones.</summary>
    /// <param name="largest"><see cref="Reach"/> logits in falling order, or only the last two of them.</param>
    public bool StaysWithin(ReadOnlySpan<float> largest) => !keepTies || largest[^2] > largest[^1];

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
