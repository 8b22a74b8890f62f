namespace Palmyra.Gpu;

/// <summary>How a backend's work reached its GPU so far.</summary>
/// <param name="Launches">Kernels that were launched one by one.</param>
/// <param name="Recordings">Steps that were recorded as graphs.</param>
/// <param name="Replays">Graphs that were started, each in place of a step's launches.</param>
/// <param name="WhyNoGraphs">Why no step is recorded, a sentence; null while steps are.</param>
public sealed record GpuStepCount(long Launches, long Recordings, long Replays, string? WhyNoGraphs);
