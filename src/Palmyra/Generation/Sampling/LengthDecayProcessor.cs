namespace Palmyra.Generation.Sampling;

/// <summary><c>exponential_decay_length_penalty</c>: past the start, each end token's logit z grows by |z|·(factor^n − 1).</summary>
/// <param name="decay">Start and factor.</param>
/// <param name="endTokens">The end tokens.</param>
internal sealed class LengthDecayProcessor(LengthDecay decay, int[] endTokens) : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        int beyond = tokens.Length - context.PromptLength - decay.Start;
        if (beyond <= 0)
        {
            return;
        }

        double growth = Math.Pow(decay.Factor, beyond) - 1;
        foreach (int id in endTokens)
        {
            // A forbidden end token stays forbidden: −∞ + |−∞| would be NaN. A finite one stays finite.
            if ((uint)id < (uint)logits.Length && float.IsFinite(logits[id]))
            {
                logits[id] = (float)Math.Min(logits[id] + (Math.Abs((double)logits[id]) * growth), float.MaxValue);
            }
        }
    }
}
