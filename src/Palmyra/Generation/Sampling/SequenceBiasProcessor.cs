namespace Palmyra.Generation.Sampling;

/// <summary>
/// <c>sequence_bias</c> and, with −∞, <c>bad_words_ids</c>: biases the last token of a sequence when the text ends with the rest.
/// </summary>
/// <remarks>As in transformers, a sequence of k tokens needs a text of k tokens: one more than its prefix.</remarks>
internal sealed class SequenceBiasProcessor(IReadOnlyList<SequenceBias> biases) : ILogitsProcessor
{
    private readonly (int[] Prefix, int Last, float Bias)[] _biases =
        [.. biases.Select(bias => (bias.Tokens.SkipLast(1).ToArray(), bias.Tokens[^1], bias.Bias))];

    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        foreach ((int[] prefix, int last, float bias) in _biases)
        {
            if (prefix.Length == 0 || (prefix.Length < tokens.Length && tokens.EndsWith(prefix)))
            {
                logits[last] += bias;
            }
        }
    }
}
