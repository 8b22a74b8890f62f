namespace Palmyra.Tokenization;

/// <summary>A token that is cut out of the text before anything else, with transformers' flags on what surrounds it.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="Content">The text that stands for it.</param>
/// <param name="IsSpecial">Whether decoding may skip it and whether plain-text encoding leaves its text alone.</param>
internal sealed record AddedToken(int Id, string Content, bool IsSpecial)
{
    /// <summary>Whether white space in front of it is swallowed.</summary>
    public bool StripsLeft { get; init; }

    /// <summary>Whether white space after it is swallowed.</summary>
    public bool StripsRight { get; init; }

    /// <summary>Whether it counts only where no word character touches it.</summary>
    public bool IsSingleWord { get; init; }
}
