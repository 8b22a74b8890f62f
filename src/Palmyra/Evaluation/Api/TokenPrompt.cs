namespace Palmyra.Evaluation.Api;

/// <summary>Tokens whose last ones are scored.</summary>
/// <param name="Ids">Context, then continuation.</param>
/// <param name="Scored">How many at the end are scored.</param>
internal readonly record struct TokenPrompt(int[] Ids, int Scored);
