namespace Palmyra.Evaluation.Scoring;

/// <summary>A model's answers to the requests of one item.</summary>
/// <param name="Item">The <see cref="Tasks.EvaluationItem.Index"/> of the item.</param>
/// <param name="Scores">An answer for each request, in their order.</param>
public sealed record ItemScore(int Item, IReadOnlyList<RequestScore> Scores);
