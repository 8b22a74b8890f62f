using System.Buffers;
using System.Globalization;
using System.Text;
using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>Cuts added tokens out of a text: leftmost first, the longest where several begin at one place.</summary>
/// <remarks>The rules for white space and word boundaries are those of transformers' fast tokenizers.</remarks>
internal sealed class AddedTokenSplitter
{
    // The search takes about a hundred times the memory of what it looks for. Vocabularies in use add some thousands of tokens.
    private const int LargestTotal = 1 << 20;

    private readonly Dictionary<string, AddedToken> _tokens = new(StringComparer.Ordinal);
    private readonly int[] _lengths;
    private readonly SearchValues<string>? _contents;

    /// <exception cref="TokenizationException">The tokens are too many to look for.</exception>
    public AddedTokenSplitter(IEnumerable<AddedToken> tokens, string file)
    {
        foreach (var token in tokens.Where(token => token.Content.Length > 0))
        {
            _tokens.Add(token.Content, token);
        }
        var total = _tokens.Keys.Sum(content => (long)content.Length);
        if (total > LargestTotal)
        {
            throw new TokenizationException(
                $"{file}: the {_tokens.Count} added and special tokens have {total} characters together, expected at most {LargestTotal}; the file is damaged.");
        }
        _lengths = [.. _tokens.Keys.Select(content => content.Length).Distinct().OrderDescending()];
        _contents = _tokens.Count > 0 ? SearchValues.Create([.. _tokens.Keys], StringComparison.Ordinal) : null;
    }

    /// <summary>Finds the first added token at or after <paramref name="from"/>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="from">Where the last found token ended.</param>
    /// <param name="parseSpecial">False leaves the text of special tokens alone.</param>
    /// <param name="start">First character of the token with the white space it swallows; the text's end when there is none.</param>
    /// <param name="end">Character after the token.</param>
    public AddedToken? Next(string text, int from, bool parseSpecial, out int start, out int end)
    {
        for (var position = from; _contents is not null;)
        {
            var offset = text.AsSpan(position).IndexOfAny(_contents);
            if (offset < 0)
            {
                break;
            }
            position += offset;
            var found = TokenAt(text, position);
            start = position;
            end = position + found.Content.Length;
            position = end;
            if ((found.IsSpecial && !parseSpecial) || (found.IsSingleWord && (EndsWithWord(text.AsSpan(0, start)) || StartsWithWord(text.AsSpan(end)))))
            {
                continue;
            }
            while (found.StripsLeft && start > from && char.IsWhiteSpace(text[start - 1]))
            {
                start--;
            }
            while (found.StripsRight && end < text.Length && char.IsWhiteSpace(text[end]))
            {
                end++;
            }
            return found;
        }
        start = end = text.Length;
        return null;
    }

    private AddedToken TokenAt(string text, int position)
    {
        var known = _tokens.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var length in _lengths)
        {
            if (length <= text.Length - position && known.TryGetValue(text.AsSpan(position, length), out var token))
            {
                return token;
            }
        }
        throw new InvalidOperationException("The search found an added token where none begins.");
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWordCharacter(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWordCharacter(rune);

    private static bool IsWordCharacter(Rune rune) => Rune.IsLetter(rune) || rune.Value is 0x200C or 0x200D || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or UnicodeCategory.DecimalDigitNumber
        or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;
}
