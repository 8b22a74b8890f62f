namespace Palmyra.Evaluation;

/// <summary>A measured number with its uncertainty.</summary>
/// <param name="Name">acc, acc_norm, acc_bytes, perplexity, word_perplexity, byte_perplexity, token_perplexity or bits_per_byte.</param>
/// <param name="Value">The value; accuracies are 0 to 1.</param>
/// <param name="StandardError">√(Σ(x−μ)²/(n−1))/√n for means, by bootstrap for perplexities; null where there are too few items.</param>
public sealed record MetricValue(string Name, double Value, double? StandardError);
