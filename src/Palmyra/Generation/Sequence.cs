using System.Runtime.InteropServices;
using Palmyra.Generation.Sampling;

namespace Palmyra.Generation;

/// <summary>One text on its way: its tokens, which of them the cache holds, and what is collected for the result.</summary>
internal sealed class Sequence
{
    private readonly List<int> _tokens;

    /// <summary>Starts with a prompt.</summary>
    public Sequence(IReadOnlyList<int> prompt, GenerationJob job)
    {
        _tokens = [.. prompt];
        Job = job;
    }

    private Sequence(Sequence parent)
    {
        _tokens = [.. parent._tokens];
        Job = parent.Job;
        Past = parent.Past;
        CacheStart = parent.CacheStart;
        Origin = parent.Origin;
        Pages.AddRange(parent.Pages);
        LogProbabilities.AddRange(parent.LogProbabilities);
        Score = parent.Score;
    }

    /// <summary>Whose it is.</summary>
    public GenerationJob Job { get; }

    /// <summary>Prompt and new tokens.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>How many of the tokens have been run; the rest waits for the next steps.</summary>
    public int Past { get; set; }

    /// <summary>The token the first page begins with; a sliding window moves it.</summary>
    public int CacheStart { get; set; }

    /// <summary>The token that has position 0; moves when learned positions are read again.</summary>
    public int Origin { get; set; }

    /// <summary>The cache pages, from <see cref="CacheStart"/> on.</summary>
    public List<int> Pages { get; } = [];

    /// <summary>The number within the prompt.</summary>
    public int Number { get; init; }

    /// <summary>Its own random numbers, when sampling.</summary>
    public RandomStream? Random { get; init; }

    /// <summary>Its text, with a tokenizer.</summary>
    public StopMatcher? Text { get; init; }

    /// <summary>Beam search: the running sum of log-probabilities.</summary>
    public double Score { get; set; }

    /// <summary>Of each new token.</summary>
    public List<float> LogProbabilities { get; } = [];

    /// <summary>Of each new token, if asked for.</summary>
    public List<IReadOnlyList<TokenProbability>> TopLogProbabilities { get; } = [];

    /// <summary>Of each new token, if asked for.</summary>
    public List<float[]> Logits { get; } = [];

    /// <summary>Of each new token, if asked for.</summary>
    public List<float[]> Scores { get; } = [];

    /// <summary>Of each new token, if asked for.</summary>
    public List<IReadOnlyList<float[]>> HiddenStates { get; } = [];

    /// <summary>This step's hidden states of the layers asked for; empty before the first is known.</summary>
    public float[][] StepHiddenStates { get; set; } = [];

    /// <summary>Whether the window moves beyond the context.</summary>
    public bool Slides => Job.Options.ContextOverflow == ContextOverflow.SlidingWindow;

    /// <summary>Adds a new token.</summary>
    public void Append(int token, float logProbability)
    {
        _tokens.Add(token);
        LogProbabilities.Add(logProbability);
    }

    /// <summary>This step's hidden states; the next step starts with none.</summary>
    public float[][] TakeStepHiddenStates()
    {
        float[][] states = StepHiddenStates;
        StepHiddenStates = [];
        return states;
    }

    /// <summary>A sequence with the same tokens and pages; the pages have one more user.</summary>
    public Sequence Fork(PagePool pool, int number, RandomStream? random, StopMatcher? text)
    {
        Pages.ForEach(pool.Share);
        return new Sequence(this) { Number = number, Random = random, Text = text, StepHiddenStates = StepHiddenStates };
    }

    /// <summary>Gives the pages back; what was run counts as not run.</summary>
    public void ReturnPages(PagePool pool)
    {
        Pages.ForEach(pool.Return);
        Pages.Clear();
    }

    /// <summary>The result.</summary>
    public GeneratedSequence Finish(FinishReason reason, string? text, double? score) => new()
    {
        Tokens = [.. _tokens],
        PromptLength = Job.PromptLength,
        FinishReason = reason,
        Text = text,
        LogProbabilities = [.. LogProbabilities],
        Seed = Job.Seed,
        Score = score,
        TopLogProbabilities = TopLogProbabilities,
        Logits = Logits,
        Scores = Scores,
        HiddenStates = HiddenStates,
    };
}
