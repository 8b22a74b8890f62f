namespace Palmyra.Benchmarks.Targets;

/// <summary>How the targets are measured.</summary>
/// <param name="Rounds">Rounds of interleaved measurements.</param>
/// <param name="Threads">Numbers of threads.</param>
internal sealed record TargetOptions(int Rounds, int[] Threads);
