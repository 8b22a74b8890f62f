namespace Palmyra.Tokenization;

/// <summary>How a byte-level vocabulary is applied.</summary>
/// <param name="Merges">Two tokens with one space between them, most important first; checked against the vocabulary.</param>
internal sealed record BytePairRules(IReadOnlyList<string> Merges)
{
    /// <summary>Whether text that does not begin with a space gets one in front.</summary>
    public bool AddPrefixSpace { get; init; }

    /// <summary>Whether text is cut into GPT-2's pieces first; false lets merges run over everything.</summary>
    public bool SplitsPieces { get; init; } = true;
}
