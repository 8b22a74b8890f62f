using System.Globalization;
using System.Text;

namespace Palmyra.Tokenization;

/// <summary>Cuts text into the pieces that byte-pair merges never cross, as GPT-2's pattern does.</summary>
/// <remarks>
/// The pattern, leftmost alternative first: the contractions 's 't 're 've 'm 'll 'd; an optional space and letters; an optional space and numbers; an
/// optional space and anything else visible; white space not followed by a visible character; white space. It is written out by hand because .NET's regular
/// expressions see UTF-16 units and would take letters and digits beyond U+FFFF for symbols.
/// </remarks>
internal static class PieceScanner
{
    private enum CharacterClass : byte
    {
        Symbol,
        Letter,
        Number,
        WhiteSpace,
    }

    private static readonly CharacterClass[] Ascii = BuildAscii();

    /// <summary>The end of the piece that begins at <paramref name="start"/>, which must be inside the text.</summary>
    public static int PieceEnd(ReadOnlySpan<char> text, int start)
    {
        var first = text[start];
        if (first == '\'')
        {
            var length = ContractionLength(text[start..]);
            if (length > 0)
            {
                return start + length;
            }
        }
        var body = first == ' ' ? start + 1 : start;
        if (body < text.Length)
        {
            var kind = ClassAt(text, body, out var width);
            if (kind != CharacterClass.WhiteSpace)
            {
                return RunEnd(text, body + width, kind);
            }
        }
        var end = RunEnd(text, start + 1, CharacterClass.WhiteSpace);
        // The last white-space character before a visible one starts the next piece, unless it stands alone.
        return end == text.Length || end == start + 1 ? end : end - 1;
    }

    private static int RunEnd(ReadOnlySpan<char> text, int position, CharacterClass kind)
    {
        while (position < text.Length && ClassAt(text, position, out var width) == kind)
        {
            position += width;
        }
        return position;
    }

    private static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text.Length < 2)
        {
            return 0;
        }
        if (text[1] is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }
        return text.Length > 2 && (text[1], text[2]) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    private static CharacterClass ClassAt(ReadOnlySpan<char> text, int position, out int width)
    {
        width = 1;
        var character = text[position];
        if (character < Ascii.Length)
        {
            return Ascii[character];
        }
        if (char.IsWhiteSpace(character))
        {
            return CharacterClass.WhiteSpace;
        }
        if (char.IsHighSurrogate(character) && position + 1 < text.Length && char.IsLowSurrogate(text[position + 1]))
        {
            width = 2;
            return ClassOf(Rune.GetUnicodeCategory(new Rune(character, text[position + 1])));
        }
        return ClassOf(CharUnicodeInfo.GetUnicodeCategory(character));
    }

    private static CharacterClass ClassOf(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter
            or UnicodeCategory.OtherLetter => CharacterClass.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterClass.Number,
        _ => CharacterClass.Symbol,
    };

    private static CharacterClass[] BuildAscii()
    {
        var classes = new CharacterClass[128];
        for (var character = '\0'; character < classes.Length; character++)
        {
            classes[character] = char.IsWhiteSpace(character) ? CharacterClass.WhiteSpace : ClassOf(char.GetUnicodeCategory(character));
        }
        return classes;
    }
}
