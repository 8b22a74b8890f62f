using System.Security.Cryptography;
using Palmyra.Backends;

namespace Palmyra.Evaluation;

/// <summary>How a number of a table came about, apart from the task: what differs between the harness of today, of 2021, and mesh-transformer-jax's.</summary>
/// <remarks>The three presets are data; whoever acts on a difference reads the property that states it.</remarks>
public sealed record EvaluationProtocol
{
    /// <summary>The name on the command line and in results.</summary>
    public required string Name { get; init; }

    /// <summary>What it stands for, a sentence.</summary>
    public required string Meaning { get; init; }

    /// <summary>How texts become tokens.</summary>
    public ContinuationEncoding Encoding { get; init; } = ContinuationEncoding.Joint;

    /// <summary>Whether every context starts with the end-of-text token; otherwise only an empty one becomes one token, begin or else end of text.</summary>
    public bool StartsWithEndOfText { get; init; }

    /// <summary>Whether texts are repaired as ftfy's fix_text with NFKC does: straight quotes, plain ligatures and spaces.</summary>
    public bool RepairsText { get; init; }

    /// <summary>Only the first so many logits take part, where the model has more; null for all of them.</summary>
    public int? VocabularyLimit { get; init; }

    /// <summary>Context and continuation keep their last T + this many tokens, T the model's context: 1 where the last one is scored and never read.</summary>
    public int TokensBeyondContext { get; init; } = 1;

    /// <summary>Whether a token whose log-probability equals the largest is greedy though another of a lower id has the same.</summary>
    public bool TiesAreGreedy { get; init; }

    /// <summary>How matrices are stored unless the user says otherwise; null for the checkpoint's own.</summary>
    public MatrixFormat? WeightFormat { get; init; }

    /// <summary>A limit takes the first items of Python's <c>random.Random(seed).shuffle</c>; null takes the file's first, and then
    /// <see cref="FewShotSeed"/> is given.</summary>
    public int? ShuffleSeed { get; init; }

    /// <summary>Seed of the generator that draws examples, item by item in the file's order; null goes on with the shuffle's, in its order.</summary>
    public int? FewShotSeed { get; init; }

    /// <summary>Whether each task says if one example more is drawn and the item left out, as the harness's task files do by the splits they
    /// name; otherwise one more is drawn only where examples come from the evaluated file itself.</summary>
    public bool TasksSayIfOneMoreIsDrawn { get; init; }

    /// <summary>What stands between an example and its solution where a task has but one continuation, which begins with a space of its own.</summary>
    public string ClozeExampleDelimiter { get; init; } = string.Empty;

    /// <summary>lm-evaluation-harness 0.4: today's numbers.</summary>
    public static EvaluationProtocol Today { get; } = new()
    {
        Name = "today",
        Meaning = "lm-evaluation-harness since June 2023: context and continuation encoded together, all logits.",
        FewShotSeed = 1234,
        TasksSayIfOneMoreIsDrawn = true,
        ClozeExampleDelimiter = " ",
    };

    /// <summary>The harness of early 2021, which most rows of the card's table came from.</summary>
    public static EvaluationProtocol Harness2021 { get; } = new()
    {
        Name = "2021",
        Meaning = "lm-evaluation-harness of early 2021: context and continuation encoded apart, the first 50,257 logits, items shuffled before a limit.",
        Encoding = ContinuationEncoding.Separate,
        VocabularyLimit = 50257,
        ShuffleSeed = 42,
    };

    /// <summary>mesh-transformer-jax's adaptor, which the card's GPT-J row came from.</summary>
    public static EvaluationProtocol MeshTransformerJax { get; } = new()
    {
        Name = "mtj",
        Meaning = "mesh-transformer-jax's adaptor of 2021: end of text before every context, repaired texts, bfloat16 weights, ties are greedy.",
        Encoding = ContinuationEncoding.Separate,
        StartsWithEndOfText = true,
        RepairsText = true,
        TokensBeyondContext = 0,
        TiesAreGreedy = true,
        WeightFormat = MatrixFormat.BF16,
        ShuffleSeed = 42,
    };

    /// <summary>The presets, the default first.</summary>
    public static IReadOnlyList<EvaluationProtocol> All { get; } = [Today, Harness2021, MeshTransformerJax];

    /// <summary>The name, and if a preset of it was changed a sum of all that it says: journals and results of changed ones are told apart by it.</summary>
    public string Identify() => Find(Name) == this
        ? Name
        : $"{Name}, changed ({Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(ToString())))[..8]})";

    /// <summary>The preset of a name, or null.</summary>
    public static EvaluationProtocol? Find(string name) => All.FirstOrDefault(protocol => protocol.Name == name);
}
