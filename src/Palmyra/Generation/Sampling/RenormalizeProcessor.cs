namespace Palmyra.Generation.Sampling;

/// <summary>Log-softmax of what the other steps left.</summary>
internal sealed class RenormalizeProcessor : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context) => Probabilities.LogSoftmax(logits);
}
