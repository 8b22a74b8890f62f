namespace Palmyra.Evaluation;

/// <summary>How a task is run.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Items at most; all of them if null. Which ones they are is the protocol's to say.</summary>
    public int? Limit { get; init; }

    /// <summary>Solved examples in front of each item; 0 by default.</summary>
    public int FewShot { get; init; }

    /// <summary>Where examples are drawn from; the evaluated file itself, without the item, if null.</summary>
    public Tasks.DataFile? FewShotData { get; init; }

    /// <summary>Resamples of a bootstrapped standard error; 100,000 as in the harness. 0 leaves them out.</summary>
    public int BootstrapIterations { get; init; } = 100_000;

    /// <summary>The journal of answers: an interrupted run continues from it, and a finished one leaves its answers there. None is kept if null.</summary>
    public string? JournalPath { get; init; }
}
