namespace Palmyra.Generation.Sampling;

/// <summary>Forbids every token that would complete a run of n tokens that occurred before (arXiv:1705.04304).</summary>
/// <param name="size">n.</param>
/// <param name="promptOnly">Whether only runs of the prompt count (<c>encoder_no_repeat_ngram_size</c>).</param>
internal sealed class NoRepeatNgramProcessor(int size, bool promptOnly) : ILogitsProcessor
{
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        if (tokens.Length + 1 < size)
        {
            return;
        }

        ReadOnlySpan<int> tail = tokens[(tokens.Length + 1 - size)..];
        ReadOnlySpan<int> earlier = promptOnly ? tokens[..context.PromptLength] : tokens;
        for (int start = 0; start + size <= earlier.Length; start++)
        {
            if (earlier.Slice(start, size - 1).SequenceEqual(tail))
            {
                logits[earlier[start + size - 1]] = float.NegativeInfinity;
            }
        }
    }
}
