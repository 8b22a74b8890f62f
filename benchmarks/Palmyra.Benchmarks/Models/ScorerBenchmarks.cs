using BenchmarkDotNet.Attributes;
using Palmyra.Backends;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Benchmarks.Models;

/// <summary>Multiple choice on GPT-2 124M with random weights: sixteen questions of 80 tokens with four choices of 20, shared and not.</summary>
public class ScorerBenchmarks
{
    private const int Questions = 16;
    private const int Choices = 4;
    private const int QuestionTokens = 80;
    private const int ChoiceTokens = 20;

    private RandomModel _model = null!;
    private Scorer _scorer = null!;
    private TokenRequest[][] _groups = null!;

    /// <summary>Tokens that go through the model at a time.</summary>
    [Params(256, 1024, 4096)]
    public int RowsPerBatch { get; set; }

    /// <summary>Threads.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>Makes weights and questions.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _model = new RandomModel("gpt2", MatrixFormat.F32, Threads);
        _scorer = new Scorer(_model.Transformer, RowsPerBatch);
        const int Length = QuestionTokens + (Choices * ChoiceTokens);
        int[] tokens = RandomNumbers.Tokens(Questions * Length, _model.Transformer.Config.VocabularySize);
        _groups = [.. tokens.Chunk(Length).Select(question => question[QuestionTokens..].Chunk(ChoiceTokens)
            .Select(choice => new TokenRequest((int[])[.. question[..QuestionTokens], .. choice], QuestionTokens)).ToArray())];
    }

    /// <summary>Every choice read from the question's beginning.</summary>
    [Benchmark(Baseline = true)]
    public int Apart() => _scorer.ScoreGroups(_groups.SelectMany(group => group).Chunk(1)).Count();

    /// <summary>Questions computed once.</summary>
    [Benchmark]
    public int Shared() => _scorer.ScoreGroups(_groups).Count();

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _scorer.Dispose();
        _model.Dispose();
    }
}
