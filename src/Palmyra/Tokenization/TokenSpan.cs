namespace Palmyra.Tokenization;

/// <summary>A token and the characters of the text it came from.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="Start">Index of the first UTF-16 character the token touches.</param>
/// <param name="End">Index after the last UTF-16 character the token touches; equal to <paramref name="Start"/> for a token that was added around the text.</param>
/// <remarks>
/// A token holding only some bytes of a character spans the whole character, so neighbouring spans may overlap. The space in front of a word belongs to
/// the word's token. Both are what transformers' fast GPT-2 tokenizer reports, except that it counts code points.
/// </remarks>
public readonly record struct TokenSpan(int Id, int Start, int End);
