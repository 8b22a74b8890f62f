namespace Palmyra.Evaluation.Scoring;

/// <summary>How probable a token was, given the tokens before it.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">ln p(token), in nats.</param>
/// <param name="Best">The most probable token in its place; the lowest id on ties, or the token itself where a <see cref="Scorer"/> counts ties as greedy.</param>
public readonly record struct TokenScore(int Id, float LogProbability, int Best);
