using Palmyra.Diagnostics;

namespace Palmyra.Generation.Sampling;

/// <summary>Forbids everything but what a function allows.</summary>
internal sealed class PrefixAllowedTokensProcessor(AllowedTokens allowed) : ILogitsProcessor
{
    private float[] _kept = [];

    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        IReadOnlyCollection<int> ids = allowed(tokens);
        if (ids.Count == 0)
        {
            throw new GenerationException(
                $"prefix_allowed_tokens allowed no token after {tokens.Length} tokens; return at least one, such as the end token.");
        }

        if (_kept.Length < logits.Length)
        {
            _kept = new float[logits.Length];
        }

        logits.CopyTo(_kept);
        logits.Fill(float.NegativeInfinity);
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)logits.Length)
            {
                throw new GenerationException($"prefix_allowed_tokens allowed token {id}, outside the vocabulary of {logits.Length}.");
            }

            logits[id] = _kept[id];
        }
    }
}
