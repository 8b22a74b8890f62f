namespace Palmyra.Evaluation;

/// <summary>How far a task is.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Done">Items scored, those from the journal included.</param>
/// <param name="Total">Items in all.</param>
/// <param name="Resumed">Items that came from the journal.</param>
/// <param name="Main">The main metric so far, without its error; null before the first item.</param>
/// <param name="TokensComputed">Tokens the model computed so far.</param>
/// <param name="IsResampling">Whether all items are scored and the errors of perplexities are being drawn, which takes seconds.</param>
public sealed record EvaluationProgress(
    string Task, int Done, int Total, int Resumed, MetricValue? Main, long TokensComputed, bool IsResampling = false);
