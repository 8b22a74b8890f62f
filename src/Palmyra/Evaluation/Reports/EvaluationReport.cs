namespace Palmyra.Evaluation.Reports;

/// <summary>Several models side by side.</summary>
/// <param name="Models">The models, in the order they were asked for.</param>
public sealed record EvaluationReport(IReadOnlyList<ModelResults> Models);
