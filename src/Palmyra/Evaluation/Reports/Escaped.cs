using System.Globalization;
using System.Net;
using System.Text;

namespace Palmyra.Evaluation.Reports;

/// <summary>Names and texts of others, made fit for a line of Markdown or XML: they may hold anything.</summary>
internal static class Escaped
{
    /// <summary>One line: whatever is not seen (line ends, controls, marks that turn the direction, halves of characters) becomes a blank.</summary>
    public static string Line(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            // EnumerateRunes gives U+FFFD for half a character, which is what a reader of the file would see anyway.
            bool unseen = Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;
            line.Append(unseen ? " " : rune.ToString());
        }

        return line.ToString().Trim();
    }

    /// <summary>A line of Markdown, a table's cell included, that shows the text as it is.</summary>
    public static string Markdown(string text)
    {
        string line = Line(text);
        var escaped = new StringBuilder(line.Length);
        for (int i = 0; i < line.Length; i++)
        {
            char letter = line[i];
            if (letter == '&' || letter == '<' || letter == '>')
            {
                escaped.Append(letter == '&' ? "&amp;" : letter == '<' ? "&lt;" : "&gt;");
                continue;
            }

            // Inside a word an underscore means nothing, and names are full of them.
            bool inWord = i > 0 && i + 1 < line.Length && char.IsLetterOrDigit(line[i - 1]) && char.IsLetterOrDigit(line[i + 1]);
            if ("\\`*[]|~$#!".Contains(letter, StringComparison.Ordinal) || (letter == '_' && !inWord))
            {
                escaped.Append('\\');
            }

            escaped.Append(letter);
        }

        return escaped.ToString();
    }

    /// <summary>A text or an attribute's value of XML.</summary>
    public static string Xml(string text) => WebUtility.HtmlEncode(Line(text));

    /// <summary>A text of at most so many characters, the last of them … where it was longer.</summary>
    public static string Cut(string text, int length)
    {
        string line = Line(text);
        if (line.Length <= length)
        {
            return line;
        }

        int end = char.IsHighSurrogate(line[length - 2]) ? length - 2 : length - 1;
        return line[..end] + "…";
    }
}
