namespace Palmyra.Generation.Sampling;

/// <summary>Divides positive and multiplies negative logits of tokens that occurred, each once (CTRL, arXiv:1909.05858).</summary>
/// <param name="penalty">The divisor.</param>
/// <param name="promptOnly">Whether only the prompt's tokens count (<c>encoder_repetition_penalty</c>, whose penalty is the inverse).</param>
internal sealed class RepetitionPenaltyProcessor(float penalty, bool promptOnly) : ILogitsProcessor
{
    private int[] _seenIn = [];
    private int _call;

    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        if (_seenIn.Length < logits.Length)
        {
            _seenIn = new int[logits.Length];
        }

        if (++_call == int.MaxValue)
        {
            Array.Clear(_seenIn);
            _call = 1;
        }

        foreach (int token in promptOnly ? tokens[..context.PromptLength] : tokens)
        {
            if (_seenIn[token] != _call)
            {
                _seenIn[token] = _call;
                logits[token] = logits[token] < 0 ? logits[token] * penalty : logits[token] / penalty;
            }
        }
    }
}
