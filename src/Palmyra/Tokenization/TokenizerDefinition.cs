namespace Palmyra.Tokenization;

/// <summary>What a folder's vocabulary files say, before the configuration files are applied.</summary>
/// <param name="File">The file to name in messages.</param>
/// <param name="Vocabulary">Every token and id found so far.</param>
internal sealed record TokenizerDefinition(string File, Vocabulary Vocabulary)
{
    /// <summary>Merges of a byte-level vocabulary; null for a word-level one.</summary>
    public BytePairRules? BytePairs { get; init; }

    /// <summary>How a word-level vocabulary's text is split; null when the file does not say.</summary>
    public IReadOnlyList<WordSplitter>? Splitters { get; init; }

    /// <summary>What decoding puts between the tokens of a word-level vocabulary.</summary>
    public string Separator { get; init; } = "";

    /// <summary>The unknown token the model itself names.</summary>
    public string? UnknownToken { get; init; }

    /// <summary>Tokens cut out of the text first.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    /// <summary>Ids that surround an encoded text when special tokens are added.</summary>
    public IReadOnlyList<int> Prefix { get; init; } = [];

    /// <inheritdoc cref="Prefix"/>
    public IReadOnlyList<int> Suffix { get; init; } = [];
}
