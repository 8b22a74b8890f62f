namespace Palmyra.Generation;

/// <summary>A token and its log-probability.</summary>
/// <param name="Token">The id.</param>
/// <param name="LogProbability">ln p under the model's raw logits.</param>
public readonly record struct TokenProbability(int Token, float LogProbability);
