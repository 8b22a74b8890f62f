using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Reports;

/// <summary>One model's row of a table.</summary>
/// <param name="Model">The model.</param>
/// <param name="Tasks">What each task gave, in the order they were asked for.</param>
public sealed record ModelResults(ModelDescription Model, IReadOnlyList<TaskResult> Tasks);
