namespace Palmyra.Generation.Sampling;

/// <summary>One step between the model's logits and the choice of a token: changes the logits in place.</summary>
/// <remarks>
/// An object serves all sequences of a request, and requests run together; so keep no state between calls that depends on a sequence.
/// −∞ forbids a token. What a step throws ends its request with that exception.
/// </remarks>
public interface ILogitsProcessor
{
    /// <summary>Changes the logits.</summary>
    /// <param name="tokens">Prompt and generated tokens so far.</param>
    /// <param name="logits">V numbers; in beam search log-probabilities.</param>
    /// <param name="context">What else is known about the sequence.</param>
    void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context);
}
