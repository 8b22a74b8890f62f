namespace Palmyra.Evaluation.Api;

/// <summary>What a client asks of a completions endpoint in order to score a prompt, and how it reads the answer.</summary>
/// <remarks>The two are data; both take prompts as token ids or as text.</remarks>
public sealed record CompletionsDialect
{
    /// <summary>The name on the command line and in results.</summary>
    public required string Name { get; init; }

    /// <summary>What it stands for, a sentence.</summary>
    public required string Meaning { get; init; }

    /// <summary>
    /// <c>max_tokens</c>: tokens the server must generate after the echoed prompt. Their entries are not scored, and a prompt leaves them room.
    /// </summary>
    public required int MaxTokens { get; init; }

    /// <summary><c>logprobs</c>: how many of the best tokens the server lists for each place.</summary>
    public required int LogProbs { get; init; }

    /// <summary><c>seed</c>.</summary>
    public int Seed { get; init; } = 1234;

    /// <summary>
    /// What makes a token greedy: false, that its log-probability equals the largest of <c>top_logprobs</c> as a double; true, that its text is
    /// the key of the (first) largest one.
    /// </summary>
    public bool GreedyByText { get; init; }

    /// <summary>lm-evaluation-harness 0.4.3 and later, <c>local-completions</c>: one token is generated and left out of the sum.</summary>
    public static CompletionsDialect Today { get; } = new()
    {
        Name = "today",
        Meaning = "lm-evaluation-harness since 0.4.3: one token is generated and not counted, greedy by equal log-probabilities.",
        MaxTokens = 1,
        LogProbs = 1,
    };

    /// <summary>The harness's clients of 2021 to 0.4.2: nothing is generated.</summary>
    /// <remarks>
    /// Greedy is the rule of 0.3 and before. Versions 0.4.0 to 0.4.2 compared a number with a text there, so that nothing was ever greedy; that
    /// is not followed.
    /// </remarks>
    public static CompletionsDialect Legacy { get; } = new()
    {
        Name = "legacy",
        Meaning = "lm-evaluation-harness of 2021 to 0.4.2: the prompt alone, ten best tokens, greedy by the best one's text.",
        MaxTokens = 0,
        LogProbs = 10,
        GreedyByText = true,
    };

    /// <summary>The dialects, the default first.</summary>
    public static IReadOnlyList<CompletionsDialect> All { get; } = [Today, Legacy];

    /// <summary>The dialect of a name, or null.</summary>
    public static CompletionsDialect? Find(string name) => All.FirstOrDefault(dialect => dialect.Name == name);
}
