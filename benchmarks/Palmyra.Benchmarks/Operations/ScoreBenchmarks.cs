using BenchmarkDotNet.Attributes;
using Palmyra.Backends;

namespace Palmyra.Benchmarks.Operations;

/// <summary>Log-probabilities over GPT-2's vocabulary: one row, and a prompt's.</summary>
public class ScoreBenchmarks
{
    private Scoring _scoring = null!;

    /// <summary>How the head is stored.</summary>
    [Params(MatrixFormat.F32, MatrixFormat.F16, MatrixFormat.BF16, MatrixFormat.Q8, MatrixFormat.Q4)]
    public MatrixFormat Format { get; set; }

    /// <summary>Rows.</summary>
    [Params(1, 512)]
    public int Rows { get; set; }

    /// <summary>Threads.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>Fills head and rows with random numbers.</summary>
    [GlobalSetup]
    public void Setup() => _scoring = new Scoring(Threads, NamedShape.Gpt2Head, Format, Rows);

    /// <summary>ln softmax(x·headᵀ) at the targets.</summary>
    [Benchmark]
    public void Score() => _scoring.Run();

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup() => _scoring.Dispose();
}
