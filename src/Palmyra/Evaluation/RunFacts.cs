namespace Palmyra.Evaluation;

/// <summary>How a run went: what differs from run to run.</summary>
/// <param name="Started">When, in UTC.</param>
/// <param name="Seconds">How long it took, an interrupted run's part not included.</param>
/// <param name="TokensComputed">Tokens the model computed in that time; 0 where nobody knows.</param>
/// <param name="On">What computed: "cpu (AVX-512, 2 threads)"; null where nobody knows.</param>
public sealed record RunFacts(DateTimeOffset Started, double Seconds, long TokensComputed, string? On = null);
