using Palmyra.Evaluation.Scoring;

namespace Palmyra.Cli;

/// <summary>What a command will do with a model, as far as it is known before: what is checked before a GPU is opened and anything is loaded.</summary>
internal sealed record ModelUse
{
    /// <summary>Tokens of its largest step; null for a step of <see cref="Generation.Generator"/>, as it is by default.</summary>
    public int? Rows { get; init; }

    /// <summary>Tokens of the sequence whose speed is measured; null where none is.</summary>
    public int? MeasuredTokens { get; init; }

    /// <summary>Whether it cannot do without the tokenizer.</summary>
    public bool Tokenizes { get; init; }

    /// <summary>Whether it begins with the folder's generation_config.json.</summary>
    public bool Generates { get; init; }

    /// <summary>A text of so many tokens scored in windows: the whole in one step if it is one window.</summary>
    /// <param name="tokens">The tokens, or more.</param>
    /// <param name="window">Tokens of a window.</param>
    public static ModelUse OfWindows(long tokens, int window) =>
        new() { Rows = tokens <= window ? (int)tokens : Math.Max(window, Scorer.DefaultRowsPerBatch) };
}
