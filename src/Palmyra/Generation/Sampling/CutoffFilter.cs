using Palmyra.Backends;

namespace Palmyra.Generation.Sampling;

/// <summary>
/// Drops tokens less probable than ε (<c>epsilon_cutoff</c>) or than min(η, √η·e^−entropy) (<c>eta_cutoff</c>), arXiv:2210.15191.
/// </summary>
/// <param name="cutoff">ε or η.</param>
/// <param name="byEntropy">Whether it is η.</param>
/// <param name="least">How many tokens stay at least, with ties of the last.</param>
/// <param name="probabilities">Working memory.</param>
/// <param name="ranked">Working memory.</param>
internal sealed class CutoffFilter(double cutoff, bool byEntropy, int least, Probabilities probabilities, RankedTokens ranked)
    : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        ReadOnlySpan<double> p = probabilities.Of(logits);
        double smallest = byEntropy ? Math.Min(cutoff, Math.Sqrt(cutoff) * Math.Exp(-Probabilities.Entropy(p))) : cutoff;
        ranked.Load(logits, least);
        float kept = RankedTokens.Logit(ranked.Top(least)[^1]);
        for (int id = 0; id < logits.Length; id++)
        {
            if (p[id] < smallest && logits[id] < kept)
            {
                logits[id] = float.NegativeInfinity;
            }
        }
    }
}
