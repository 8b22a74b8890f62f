namespace Palmyra.Evaluation.Replay;

/// <summary>One kind of recorded number and how far this engine is from it.</summary>
/// <param name="Name">What was compared: "logits", "generation: beam-4".</param>
/// <param name="Compared">How many values.</param>
/// <param name="LargestDifference">The largest difference, by the rule of <see cref="Verification"/>; for values that must be equal, how many are not.</param>
/// <param name="Bound">What the difference may be at most; 0 where values must be equal.</param>
/// <param name="Where">Where the largest difference, or the first inequality, is; null when everything is equal.</param>
public sealed record VerificationSection(string Name, int Compared, double LargestDifference, double Bound, string? Where)
{
    /// <summary>Whether the difference is within the bound; NaN is not.</summary>
    public bool Passed => LargestDifference <= Bound;
}
