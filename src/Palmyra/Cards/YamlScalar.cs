using System.Globalization;
using System.Text;

namespace Palmyra.Cards;

/// <summary>Single values of YAML: any text written so that every reader gets it back, and the plain and quoted ones read.</summary>
internal static class YamlScalar
{
    // What one reader or another takes for a truth value or for nothing. Norway's language is among them.
    private static readonly string[] Words = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

    /// <summary>A text as YAML: plain where nobody can mistake it, else in double quotes.</summary>
    public static string Write(string text)
    {
        bool plain = text.Length > 0 && char.IsAsciiLetter(text[0])
            && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' or '/' or '+')
            && !Words.Contains(text, StringComparer.OrdinalIgnoreCase);
        if (plain)
        {
            return text;
        }

        var quoted = new StringBuilder("\"");
        foreach (Rune rune in text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '"' or '\\':
                    quoted.Append('\\').Append((char)rune.Value);
                    break;
                case '\n':
                    quoted.Append("\\n");
                    break;
                case '\t':
                    quoted.Append("\\t");
                    break;

                // Controls, line separators, marks of direction, the byte order mark and what is no character are not printable in YAML, or should not be seen.
                case < 0x20 or (>= 0x7F and < 0xA0) or (>= 0x2028 and <= 0x202E) or 0x200E or 0x200F or 0xFEFF or 0xFFFE or 0xFFFF:
                    quoted.Append("\\u").Append(rune.Value.ToString("x4", CultureInfo.InvariantCulture));
                    break;
                default:
                    quoted.Append(rune.ToString());
                    break;
            }
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>A number with all its digits; whole ones without a point.</summary>
    public static string Write(double number) => number switch
    {
        double.NaN => ".nan",
        double.PositiveInfinity => ".inf",
        double.NegativeInfinity => "-.inf",
        _ => Math.Abs(number) < 1e15 && Math.Truncate(number) == number
            ? number.ToString("F0", CultureInfo.InvariantCulture)
            : WithPoint(number.ToString("R", CultureInfo.InvariantCulture)),
    };

    // 3E-05 is a text to readers of YAML 1.1, whose numbers with an exponent have a point too.
    private static string WithPoint(string digits)
    {
        int exponent = digits.IndexOf('E', StringComparison.Ordinal);
        return exponent < 0 ? digits
            : digits[..exponent] + (digits.Contains('.', StringComparison.Ordinal) ? "e" : ".0e") + digits[(exponent + 1)..];
    }

    /// <summary>The text of a scalar that stands alone; null if it is none that is understood.</summary>
    public static string? Read(string source)
    {
        int at = 0;
        string? text = Next(source, ref at, inList: false);
        return text is not null && IsEnd(source, at) ? text : null;
    }

    /// <summary>The texts of a list in brackets on one line; null if it is none that is understood.</summary>
    public static IReadOnlyList<string>? List(string source)
    {
        var items = new List<string>();
        int at = 1;
        while (true)
        {
            Skip(source, ref at);
            if (at < source.Length && source[at] == ']')
            {
                return IsEnd(source, at + 1) ? items : null;
            }

            if (Next(source, ref at, inList: true) is not string item)
            {
                return null;
            }

            items.Add(item);
            Skip(source, ref at);
            if (at < source.Length && source[at] == ',')
            {
                at++;
            }
            else if (at >= source.Length || source[at] != ']')
            {
                return null;
            }
        }
    }

    private static string? Next(string source, ref int at, bool inList)
    {
        if (at >= source.Length)
        {
            return null;
        }

        return source[at] switch
        {
            '"' => Double(source, ref at),
            '\'' => Single(source, ref at),
            '[' or ']' or '{' or '}' or '&' or '*' or '!' or '|' or '>' or '%' or '@' or '`' or '#' or ',' or '?' or ':' => null,
            '-' when at + 1 < source.Length && source[at + 1] == ' ' => null,
            _ => Plain(source, ref at, inList),
        };
    }

    private static string? Plain(string source, ref int at, bool inList)
    {
        int start = at;
        while (at < source.Length && !(inList && source[at] is ',' or ']' or '[' or '{' or '}'))
        {
            if (source[at] == '#' && at > start && source[at - 1] is ' ' or '\t')
            {
                break;
            }

            // "a: b" is an object.
            if (source[at] == ':' && (at + 1 == source.Length || source[at + 1] is ' ' or '\t'))
            {
                return null;
            }

            at++;
        }

        string text = source[start..at].Trim();
        return text.Length > 0 && text is not ("~" or "null") ? text : null;
    }

    private static string? Single(string source, ref int at)
    {
        var text = new StringBuilder();
        for (at++; at < source.Length; at++)
        {
            if (source[at] != '\'')
            {
                text.Append(source[at]);
            }
            else if (at + 1 < source.Length && source[at + 1] == '\'')
            {
                text.Append(source[at++]);
            }
            else
            {
                at++;
                return text.ToString();
            }
        }

        return null;
    }

    private static string? Double(string source, ref int at)
    {
        var text = new StringBuilder();
        for (at++; at < source.Length; at++)
        {
            if (source[at] == '"')
            {
                at++;
                return text.ToString();
            }

            if (source[at] != '\\')
            {
                text.Append(source[at]);
                continue;
            }

            at++;
            switch (at < source.Length ? source[at] : '\0')
            {
                case 'n':
                    text.Append('\n');
                    break;
                case 't':
                    text.Append('\t');
                    break;
                case '"' or '\\' or '/':
                    text.Append(source[at]);
                    break;
                case 'u' when at + 4 < source.Length && ushort.TryParse(
                    source.AsSpan(at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit):
                    text.Append((char)unit);
                    at += 4;
                    break;
                default:
                    return null;
            }
        }

        return null;
    }

    private static bool IsEnd(string source, int at)
    {
        Skip(source, ref at);
        return at >= source.Length || (source[at] == '#' && source[at - 1] is ' ' or '\t');
    }

    private static void Skip(string source, ref int at)
    {
        while (at < source.Length && source[at] is ' ' or '\t')
        {
            at++;
        }
    }
}
