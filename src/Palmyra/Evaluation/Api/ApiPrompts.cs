using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Api;

/// <summary>Makes the prompts that answer a request.</summary>
internal sealed class ApiPrompts
{
    private readonly IPromptEncoder? _encoder;
    private readonly int _longest;

    /// <param name="encoder">How texts become tokens; null sends them as they are.</param>
    /// <param name="longest">The most tokens of a prompt.</param>
    public ApiPrompts(IPromptEncoder? encoder, int longest)
    {
        _encoder = encoder;
        _longest = longest;
    }

    /// <summary>The prompts of a request: one, or one a window.</summary>
    /// <exception cref="EvaluationException">It has nothing to score, or nothing to score it after.</exception>
    public IReadOnlyList<ApiPrompt> Of(ScoringRequest request, int item) => (request, _encoder) switch
    {
        (ContinuationRequest continuation, null) => [AsText(continuation, item)],
        (ContinuationRequest continuation, { } encoder) => [AsIds(encoder.Encode(continuation), item)],
        (RollingRequest rolling, { } encoder) when rolling.Text.Length > 0 =>
            [.. encoder.Encode(rolling, _longest).Select(window => AsIds(window, item))],
        (RollingRequest, null) => throw new EvaluationException(
            $"Item {item} is a whole text, whose first token is scored after an end-of-text token, which no text can say; give the model's tokenizer."),
        _ => throw new EvaluationException($"Item {item}: a text or continuation was expected; found an empty one."),
    };

    // Truncation from the left: the context loses its beginning.
    private ApiPrompt AsIds(TokenPrompt prompt, int item)
    {
        int length = Math.Min(prompt.Ids.Length, _longest);
        int context = length - prompt.Scored;
        return prompt.Scored > 0 && context > 0
            ? new ApiPrompt(prompt.Ids[^length..], null, context)
            : throw new EvaluationException(
                $"Item {item}: a continuation was expected to have 1 to {_longest - 1} tokens, so that a token of context stays before it; found {prompt.Scored}.");
    }

    // Blanks at the context's end belong to the continuation's first token, as in today's encoding of ids.
    private static ApiPrompt AsText(ContinuationRequest request, int item)
    {
        string context = request.Context[..PlainPromptEncoder.EndWithoutBlanks(request.Context)];
        return (context.Length, request.Continuation.Length) switch
        {
            (_, 0) => throw new EvaluationException($"Item {item}: a continuation was expected; found an empty one."),
            (0, _) => throw new EvaluationException(
                $"Item {item} has no context, and its first token is scored after an end-of-text token, which no text can say; give the model's tokenizer."),
            _ => new ApiPrompt(null, request.Context + request.Continuation, CodePoints(context)),
        };
    }

    internal static int CodePoints(string text)
    {
        int count = 0;
        foreach (System.Text.Rune _ in text.EnumerateRunes())
        {
            count++;
        }

        return count;
    }
}
