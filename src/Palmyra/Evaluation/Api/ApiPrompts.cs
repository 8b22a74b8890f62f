using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Api;

/// <summary>Makes the prompts that answer a request.</summary>
/// <param name="encoder">How texts become tokens; null sends them as they are.</param>
internal sealed class ApiPrompts(PromptEncoder? encoder)
{
    /// <summary>The prompts of a request: one, or one a window.</summary>
    /// <exception cref="EvaluationException">It has nothing to score, or nothing to score it after.</exception>
    public IReadOnlyList<ApiPrompt> Of(ScoringRequest request, int item) => (request, encoder) switch
    {
        (ContinuationRequest continuation, null) => [AsText(continuation, item)],
        (ContinuationRequest continuation, { } ids) => [AsIds(ids.Encode(continuation, item))],
        (RollingRequest rolling, { } ids) when rolling.Text.Length > 0 => [.. ids.Encode(rolling, item).Select(AsIds)],
        (RollingRequest, null) => throw new EvaluationException(
            $"Item {item} is a whole text, whose first token is scored after an end-of-text token, which no text can say; give the model's tokenizer."),
        _ => throw new EvaluationException($"Item {item}: a text was expected; found an empty one."),
    };

    private static ApiPrompt AsIds(TokenRequest prompt) => new(prompt.Ids.ToArray(), null, prompt.ContextLength, prompt.IsCut);

    // Blanks at the context's end belong to the continuation's first token, as in today's encoding of ids.
    private static ApiPrompt AsText(ContinuationRequest request, int item)
    {
        string context = PythonText.TrimEnd(request.Context);
        return (context.Length, request.Continuation.Length) switch
        {
            (_, 0) => throw new EvaluationException($"Item {item}: a continuation was expected; found an empty one."),
            (0, _) => throw new EvaluationException(
                $"Item {item} has no context, and its first token is scored after an end-of-text token, which no text can say; give the model's tokenizer."),
            _ => new ApiPrompt(null, request.Context + request.Continuation, PythonText.Length(context)),
        };
    }
}
