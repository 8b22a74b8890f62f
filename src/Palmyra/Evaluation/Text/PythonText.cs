using System.Globalization;
using System.Text;

namespace Palmyra.Evaluation.Text;

/// <summary>What the harness does with Python strings where .NET's rules are others: white space, capitalising, length.</summary>
/// <remarks>
/// A Python string is a list of code points. Cases are those of Unicode's UnicodeData and SpecialCasing as <c>str.capitalize</c> has applied
/// them since Python 3.8; characters newer than the running Python's Unicode are the only ones that can differ.
/// </remarks>
internal static class PythonText
{
    /// <summary>Whether <c>str.isspace</c> holds: bidirectional type WS, B or S, or category Zs. So U+001C to U+001F are white space, U+200B is not.</summary>
    public static bool IsSpace(char letter) => letter switch
    {
        >= '\t' and <= '\r' or >= '\x1C' and <= ' ' => true,
        < '\x85' => false,
        '\x85' or '\xA0' or '\u1680' or >= '\u2000' and <= '\u200A' or '\u2028' or '\u2029' or '\u202F' or '\u205F' or '\u3000' => true,
        _ => false,
    };

    /// <summary><c>str.strip()</c>.</summary>
    public static string Trim(string text)
    {
        int start = 0;
        while (start < text.Length && IsSpace(text[start]))
        {
            start++;
        }

        return TrimEnd(text[start..]);
    }

    /// <summary><c>str.rstrip()</c>.</summary>
    public static string TrimEnd(string text)
    {
        int end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[..end];
    }

    /// <summary><c>len(str)</c>: code points, not UTF-16 units.</summary>
    public static int Length(string text)
    {
        int length = text.Length;
        for (int i = 1; i < text.Length; i++)
        {
            length -= char.IsSurrogatePair(text[i - 1], text[i]) ? 1 : 0;
        }

        return length;
    }

    /// <summary><c>len(re.split(r"\s+", text))</c>: runs of white space, and one. An empty piece at the start or the end counts, as there.</summary>
    public static long CountPieces(string text)
    {
        long pieces = 1;
        for (int i = 0; i < text.Length; i++)
        {
            pieces += IsSpace(text[i]) && (i == 0 || !IsSpace(text[i - 1])) ? 1 : 0;
        }

        return pieces;
    }

    /// <summary><c>str.capitalize()</c>: the first character in title case, all others in lower case.</summary>
    public static string Capitalize(string text)
    {
        Rune[] runes = [.. text.EnumerateRunes()];
        var result = new StringBuilder(text.Length + 2);
        for (int i = 0; i < runes.Length; i++)
        {
            result.Append(i == 0 ? TitleCase(runes[0]) : LowerCase(runes, i));
        }

        return result.ToString();
    }

    private static string LowerCase(Rune[] runes, int at) => runes[at].Value switch
    {
        0x0130 => "i\u0307",
        0x03A3 => IsFinal(runes, at) ? "\u03C2" : "\u03C3",
        _ => Rune.ToLowerInvariant(runes[at]).ToString(),
    };

    // SpecialCasing's Final_Sigma: a cased letter before it and none after it, whatever case-ignorable characters lie between.
    private static bool IsFinal(Rune[] runes, int sigma)
    {
        int before = sigma - 1;
        while (before >= 0 && IsCaseIgnorable(runes[before]))
        {
            before--;
        }

        int after = sigma + 1;
        while (after < runes.Length && IsCaseIgnorable(runes[after]))
        {
            after++;
        }

        return before >= 0 && IsCased(runes[before]) && !(after < runes.Length && IsCased(runes[after]));
    }

    private static bool IsCased(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || rune.Value is 0xAA or 0xBA or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);

    private static bool IsCaseIgnorable(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol
        || rune.Value is '\'' or '.' or ':' or 0xB7 or 0x387 or 0x55F or 0x5F4 or 0x2018 or 0x2019 or 0x2024 or 0x2027
            or 0xFE13 or 0xFE52 or 0xFE55 or 0xFF07 or 0xFF0E or 0xFF1A;

    // Where the title case is not the one upper-case letter .NET gives: SpecialCasing's expansions, dotless i, long s, the Latin digraphs
    // (whose title case is the middle of three) and Georgian (whose letters have capitals but no title case).
    private static string TitleCase(Rune rune) => rune.Value switch
    {
        >= 0x01C4 and <= 0x01CC => ((char)(((rune.Value - 0x01C4) / 3 * 3) + 0x01C5)).ToString(),
        >= 0x01F1 and <= 0x01F3 => "\u01F2",
        >= 0x10D0 and <= 0x10FF => rune.ToString(),
        0x00DF => "Ss", 0x0131 => "I", 0x0149 => "\u02BCN", 0x017F => "S", 0x01F0 => "J\u030C", 0x0390 => "\u0399\u0308\u0301",
        0x03B0 => "\u03A5\u0308\u0301", 0x0587 => "\u0535\u0582", 0x1E96 => "H\u0331", 0x1E97 => "T\u0308", 0x1E98 => "W\u030A",
        0x1E99 => "Y\u030A", 0x1E9A => "A\u02BE", 0x1F50 => "\u03A5\u0313", 0x1F52 => "\u03A5\u0313\u0300",
        0x1F54 => "\u03A5\u0313\u0301", 0x1F56 => "\u03A5\u0313\u0342", 0x1FB2 => "\u1FBA\u0345", 0x1FB4 => "\u0386\u0345",
        0x1FB6 => "\u0391\u0342", 0x1FB7 => "\u0391\u0342\u0345", 0x1FC2 => "\u1FCA\u0345", 0x1FC4 => "\u0389\u0345",
        0x1FC6 => "\u0397\u0342", 0x1FC7 => "\u0397\u0342\u0345", 0x1FD2 => "\u0399\u0308\u0300", 0x1FD3 => "\u0399\u0308\u0301",
        0x1FD6 => "\u0399\u0342", 0x1FD7 => "\u0399\u0308\u0342", 0x1FE2 => "\u03A5\u0308\u0300", 0x1FE3 => "\u03A5\u0308\u0301",
        0x1FE4 => "\u03A1\u0313", 0x1FE6 => "\u03A5\u0342", 0x1FE7 => "\u03A5\u0308\u0342", 0x1FF2 => "\u1FFA\u0345",
        0x1FF4 => "\u038F\u0345", 0x1FF6 => "\u03A9\u0342", 0x1FF7 => "\u03A9\u0342\u0345", 0xFB00 => "Ff", 0xFB01 => "Fi",
        0xFB02 => "Fl", 0xFB03 => "Ffi", 0xFB04 => "Ffl", 0xFB05 => "St", 0xFB06 => "St", 0xFB13 => "\u0544\u0576",
        0xFB14 => "\u0544\u0565", 0xFB15 => "\u0544\u056B", 0xFB16 => "\u054E\u0576", 0xFB17 => "\u0544\u056D",
        _ => Rune.ToUpperInvariant(rune).ToString(),
    };
}
