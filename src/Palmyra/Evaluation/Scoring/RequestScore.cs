namespace Palmyra.Evaluation.Scoring;

/// <summary>A model's answer to one <see cref="ScoringRequest"/>.</summary>
/// <param name="LogProbability">Σ ln p of the scored tokens, in nats, added in their order in 64 bits.</param>
/// <param name="IsGreedy">Whether every scored token is the model's most probable one in its place.</param>
/// <param name="Tokens">How many tokens were scored.</param>
/// <param name="IsCut">Whether the context lost its beginning because it did not fit the model.</param>
public readonly record struct RequestScore(double LogProbability, bool IsGreedy, int Tokens, bool IsCut = false);
