namespace Palmyra.Evaluation.Api;

/// <summary>One prompt of a request: token ids or a text.</summary>
/// <param name="Ids">The tokens; null where the prompt is a text.</param>
/// <param name="Text">The text; null where the prompt is tokens.</param>
/// <param name="ContextLength">How many of the tokens, or of the text's code points, are not scored; 1 or more.</param>
/// <param name="IsCut">Whether the context lost its beginning.</param>
internal sealed record ApiPrompt(int[]? Ids, string? Text, int ContextLength, bool IsCut = false);
