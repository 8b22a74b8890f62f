namespace Palmyra.Generation.Sampling;

/// <summary>z/τ.</summary>
internal sealed class TemperatureFilter(float temperature) : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        // A tiny temperature must not push every logit to infinity: relative to the largest, which becomes 0, only the rest falls to −∞.
        float max = Probabilities.Max(logits);
        bool overflows = float.IsInfinity(max / temperature);
        foreach (ref float logit in logits)
        {
            logit = (overflows ? logit - max : logit) / temperature;
        }
    }
}
