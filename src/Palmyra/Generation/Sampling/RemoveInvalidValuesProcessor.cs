namespace Palmyra.Generation.Sampling;

/// <summary>NaN becomes 0, +∞ the largest and −∞ the smallest finite number.</summary>
internal sealed class RemoveInvalidValuesProcessor : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        foreach (ref float logit in logits)
        {
            logit = float.IsNaN(logit) ? 0 : Math.Clamp(logit, float.MinValue, float.MaxValue);
        }
    }
}
