namespace Palmyra.Tokenization;

/// <summary>What the caller states about a tokenizer folder; everything else comes from its files.</summary>
public sealed record TokenizerOptions
{
    /// <summary>
    /// The regular expression (.NET syntax) whose matches are the words of a word-level vocabulary, for example <c>(\[[^\]]+\]|Br|Cl|%\d\d|.)</c> for
    /// molecules. Default null: the splitting that tokenizer.json states. Stating it for a byte-level vocabulary is refused.
    /// </summary>
    public string? SplitPattern { get; init; }

    /// <summary>Whether text that does not begin with a space gets one in front. Default null: what the folder's files say, else false.</summary>
    public bool? AddPrefixSpace { get; init; }
}
