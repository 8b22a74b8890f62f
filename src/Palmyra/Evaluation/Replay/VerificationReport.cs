namespace Palmyra.Evaluation.Replay;

/// <summary>What replaying a folder's recorded outputs showed.</summary>
/// <param name="Folder">The model's folder.</param>
/// <param name="Reference">What made the recording: "transformers 4.43.0".</param>
/// <param name="Bound">The absolute bound for 32-bit arithmetic: 20 times the reference's own float32 error, at least 2e-4.</param>
/// <param name="Sections">The comparisons, in the order of the recording.</param>
public sealed record VerificationReport(string Folder, string Reference, double Bound, IReadOnlyList<VerificationSection> Sections)
{
    /// <summary>Whether anything was compared and every section is within its bound.</summary>
    public bool Passed => Sections.Count > 0 && Sections.All(section => section.Passed);
}
