namespace Palmyra.Evaluation.Api;

/// <summary>Tokens whose last ones are scored.</summary>
/// <param name="Ids">Context, then continuation.</param>
/// <param name="ContextLength">How many are context.</param>
internal readonly record struct TokenPrompt(ReadOnlyMemory<int> Ids, int ContextLength);
