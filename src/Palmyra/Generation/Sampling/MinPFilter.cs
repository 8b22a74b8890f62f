using Palmyra.Backends;

namespace Palmyra.Generation.Sampling;

/// <summary>Drops tokens less probable than a share of the most probable one's probability (arXiv:2407.01082).</summary>
/// <param name="share">The share.</param>
/// <param name="least">How many tokens stay at least.</param>
/// <param name="ranked">Working memory.</param>
internal sealed class MinPFilter(double share, int least, RankedTokens ranked) : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        ranked.Load(logits, least);
        float max = Probabilities.Max(logits);
        ReadOnlySpan<ulong> top = ranked.Top(least);
        for (int id = 0; id < logits.Length; id++)
        {
            if (Math.Exp((double)logits[id] - max) < share && !Contains(top, id))
            {
                logits[id] = float.NegativeInfinity;
            }
        }
    }

    private static bool Contains(ReadOnlySpan<ulong> keys, int id)
    {
        foreach (ulong key in keys)
        {
            if (RankedTokens.Id(key) == id)
            {
                return true;
            }
        }

        return false;
    }
}
