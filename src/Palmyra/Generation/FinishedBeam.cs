namespace Palmyra.Generation;

/// <summary>A finished text of beam search.</summary>
/// <param name="Score">The sum of log-probabilities ÷ length^length_penalty.</param>
/// <param name="Tokens">Prompt and new tokens.</param>
/// <param name="LogProbabilities">Of the new tokens.</param>
/// <param name="Reason">Why it ended.</param>
internal sealed record FinishedBeam(double Score, int[] Tokens, float[] LogProbabilities, FinishReason Reason);
