using System.Text;

namespace Palmyra.Evaluation.Text;

/// <summary>Cleans texts as mesh-transformer-jax's evaluation did: ftfy 6's <c>fix_text</c> with normalization form KC, but for its guessing.</summary>
/// <remarks>
/// <para>Line by line, and again until nothing changes: HTML entities are unescaped, unless this line or one before it has a &lt;; C1 controls
/// become the letters Windows-1252 has in their places; curly quotes become straight; every line break becomes a line feed; half a surrogate
/// pair becomes U+FFFD; terminal escapes and control characters but tab, line and form feed go; then form KC, which also takes ligatures and
/// full- and half-width letters apart.</para>
/// <para>What is left out is the repair of text decoded by the wrong encoding ("â€œ" for a quote): a guess by a trained-by-hand heuristic that
/// changed from release to release. A text that needs it is cleaned of all else. Of entities, HTML 4's are known, and numbers.</para>
/// </remarks>
public static class TextRepair
{
    // Each pass may uncover an entity within what it unescaped; text that needs more passes was written to need them.
    private const int MostPasses = 64;

    /// <summary>The repaired text; the same object where there is nothing to repair in plain ASCII.</summary>
    /// <param name="text">The text.</param>
    public static string Repair(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (IsPlain(text))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        bool hasTags = false;
        int start = 0;
        while (start < text.Length)
        {
            int lineFeed = text.IndexOf('\n', start);
            int end = lineFeed < 0 ? text.Length : lineFeed + 1;
            string line = text[start..end];
            hasTags |= line.Contains('<', StringComparison.Ordinal);
            result.Append(RepairLine(line, unescapes: !hasTags));
            start = end;
        }

        return result.ToString();
    }

    // Tab, line feed and what is printed; no entity can be in it without its first letter.
    private static bool IsPlain(string text)
    {
        foreach (char letter in text)
        {
            if (letter is not ((>= ' ' and <= '~' and not '&') or '\t' or '\n' or '\f'))
            {
                return false;
            }
        }

        return true;
    }

    private static string RepairLine(string line, bool unescapes)
    {
        for (int pass = 0; pass < MostPasses; pass++)
        {
            string before = line;
            line = unescapes ? HtmlEntities.Unescape(line) : line;
            line = UnicodeNormalization.ToNfkc(Clean(line));
            if (line == before)
            {
                break;
            }
        }

        return line;
    }

    private static string Clean(string text)
    {
        var cleaned = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char letter = Windows1252.FromControl(text[i]);
            if (letter == '\x1B' && EscapeLength(text, i) is int length and > 0)
            {
                i += length - 1;
            }
            else if (letter == '\r')
            {
                i += i + 1 < text.Length && text[i + 1] == '\n' ? 1 : 0;
                cleaned.Append('\n');
            }
            else if (char.IsHighSurrogate(letter) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                cleaned.Append(letter).Append(text[++i]);
            }
            else if (!IsRemoved(letter))
            {
                cleaned.Append(letter switch
                {
                    '\u02BC' or (>= '\u2018' and <= '\u201B') => '\'',
                    >= '\u201C' and <= '\u201F' => '"',
                    '\u2028' or '\u2029' => '\n',
                    >= '\uD800' and <= '\uDFFF' => '\uFFFD',
                    _ => letter,
                });
            }
        }

        return cleaned.ToString();
    }

    // ESC [, digits and semicolons, a letter.
    private static int EscapeLength(string text, int start)
    {
        int at = start + 1;
        if (at == text.Length || text[at] != '[')
        {
            return 0;
        }

        do
        {
            at++;
        }
        while (at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == ';'));
        return at < text.Length && char.IsAsciiLetter(text[at]) ? at + 1 - start : 0;
    }

    private static bool IsRemoved(char letter) => letter is (< ' ' and not ('\t' or '\n' or '\f' or '\r')) or '\x7F'
        or (>= '\u206A' and <= '\u206F') or '\uFEFF' or (>= '\uFFF9' and <= '\uFFFC');
}
