namespace Palmyra.Evaluation.Scoring;

/// <summary>A question to a language model whose answer is a log-probability: a <see cref="ContinuationRequest"/> or a <see cref="RollingRequest"/>.</summary>
public abstract record ScoringRequest;

/// <summary>How probable is this continuation after this context? lm-evaluation-harness' <c>loglikelihood</c>.</summary>
/// <param name="Context">What the model has read; may be empty.</param>
/// <param name="Continuation">What is scored, its joining space included; not empty.</param>
public sealed record ContinuationRequest(string Context, string Continuation) : ScoringRequest;

/// <summary>How probable is this whole text, however long? lm-evaluation-harness' <c>loglikelihood_rolling</c>.</summary>
/// <param name="Text">The text; not empty.</param>
public sealed record RollingRequest(string Text) : ScoringRequest;
