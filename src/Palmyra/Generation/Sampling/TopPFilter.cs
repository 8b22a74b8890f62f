using Palmyra.Backends;

namespace Palmyra.Generation.Sampling;

/// <summary>Nucleus sampling (arXiv:1904.09751): keeps the most probable tokens up to mass p.</summary>
/// <param name="p">The mass.</param>
/// <param name="rule">What happens at the edge.</param>
/// <param name="least">How many tokens stay at least.</param>
/// <param name="ranked">Working memory.</param>
internal sealed class TopPFilter(double p, TopPRule rule, int least, RankedTokens ranked) : ILogitsProcessor
{
    // Most nuclei are small, so the order is worked out in growing pieces and seldom for the whole vocabulary.
    private const int FirstPiece = 64;

    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        ranked.Load(logits);
        float max = Probabilities.Max(logits);
        double total = LogSumExp.Sum(logits, max);
        int kept = 0;
        double before = 0;
        for (int piece = FirstPiece; kept < ranked.Count; piece *= 4)
        {
            ReadOnlySpan<ulong> keys = ranked.Top(piece);
            while (kept < keys.Length)
            {
                double mass = Math.Exp((double)RankedTokens.Logit(keys[kept]) - max) / total;
                bool stays = rule switch
                {
                    TopPRule.Transformers => before < p,
                    TopPRule.Shifted => before <= p,
                    _ => before + mass <= p,
                };
                if (!stays && kept >= least)
                {
                    ranked.Keep(kept, logits);
                    return;
                }

                before += mass;
                kept++;
            }
        }
    }
}
