using System.Globalization;
using System.Net;
using System.Text;

namespace Palmyra.Evaluation.Text;

/// <summary>HTML entities that end in a semicolon, as ftfy unescapes them: named, all in capitals, and by number as HTML 5 reads numbers.</summary>
internal static class HtmlEntities
{
    private const int LongestName = 24;

    /// <summary>The text with what it can read of <c>&amp;name;</c>, <c>&amp;#10;</c> and <c>&amp;#xA;</c> replaced.</summary>
    public static string Unescape(string text)
    {
        if (!text.Contains('&', StringComparison.Ordinal))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        int at = 0;
        while (at < text.Length)
        {
            int length = text[at] == '&' ? EntityLength(text, at) : 0;
            if (length == 0)
            {
                result.Append(text[at++]);
                continue;
            }

            string entity = text.Substring(at, length);
            result.Append((entity[1] == '#' ? FromNumber(entity) : FromName(entity)) ?? entity);
            at += length;
        }

        return result.ToString();
    }

    private static int EntityLength(string text, int start)
    {
        int name = start + 1 < text.Length && text[start + 1] == '#' ? start + 2 : start + 1;
        int end = name;
        while (end < text.Length && end - name < LongestName && char.IsAsciiLetterOrDigit(text[end]))
        {
            end++;
        }

        return end > name && end < text.Length && text[end] == ';' ? end + 1 - start : 0;
    }

    private static string? FromName(string entity)
    {
        // HTML 5 moved the angle brackets to the mathematical ones.
        string named = WebUtility.HtmlDecode(entity).Replace('\u2329', '\u27E8').Replace('\u232A', '\u27E9');
        if (named == entity && entity.Any(char.IsAsciiLetterUpper) && !entity.Any(char.IsAsciiLetterLower))
        {
            // "P&EACUTE;REZ" was written by someone who capitalised the entity with the word.
            string lower = entity.ToLowerInvariant();
            string letter = FromName(lower) ?? lower;
            named = letter == lower ? entity : letter == "\u00DF" ? "SS" : letter.ToUpperInvariant();
        }

        return named == entity ? null : named;
    }

    private static string? FromNumber(string entity)
    {
        bool isHex = entity[2] is 'x' or 'X';
        ReadOnlySpan<char> digits = entity.AsSpan(isHex ? 3 : 2)[..^1];
        if (digits.IsEmpty || digits.ContainsAnyExcept(isHex ? "0123456789abcdefABCDEF" : "0123456789"))
        {
            return null;
        }

        bool isRead = uint.TryParse(digits, isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out uint number);
        return !isRead || number is 0 or > 0x10FFFF or (>= 0xD800 and <= 0xDFFF) ? "\uFFFD"
            : number is >= 0x80 and <= 0x9F ? Windows1252.FromControl((char)number).ToString()
            : number is (< ' ' and not ('\t' or '\n' or '\f' or '\r')) or 0x7F or (>= 0xFDD0 and <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE ? string.Empty
            : number == ';' ? null
            : char.ConvertFromUtf32((int)number);
    }
}
