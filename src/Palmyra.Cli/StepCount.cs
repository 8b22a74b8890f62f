namespace Palmyra.Cli;

/// <summary>How decoded tokens reached a GPU.</summary>
/// <param name="Tokens">The tokens.</param>
/// <param name="Replays">Recorded steps that were sent as graphs.</param>
/// <param name="Launches">Kernels that were launched one by one.</param>
/// <param name="WhyNoGraphs">Why no step is recorded, a sentence; null while steps are.</param>
internal sealed record StepCount(int Tokens, long Replays, long Launches, string? WhyNoGraphs);
