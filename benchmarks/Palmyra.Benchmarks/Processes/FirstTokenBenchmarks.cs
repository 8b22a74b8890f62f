using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;

namespace Palmyra.Benchmarks.Processes;

/// <summary>What a person waits for: from starting <c>palmyra generate</c> to the first token of the model that ships with it.</summary>
[SimpleJob(RunStrategy.Monitoring, warmupCount: 2, iterationCount: 10, invocationCount: 1)]
public class FirstTokenBenchmarks
{
    /// <summary>Starts the process, waits for the token, ends the process.</summary>
    [Benchmark]
    public double FirstToken() => PalmyraProcess.FirstToken();
}
