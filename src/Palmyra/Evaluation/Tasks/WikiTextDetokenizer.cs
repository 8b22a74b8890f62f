using System.Text;
using System.Text.RegularExpressions;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Tasks;

/// <summary>The harness' way back from WikiText's tokens to text: the same replacements in the same order.</summary>
/// <remarks>Mistakes included, since its numbers have them: the facts are those of its <c>preprocess_wikitext.py</c>.</remarks>
internal static partial class WikiTextDetokenizer
{
    // Each is a single pass from left to right; a later one sees what an earlier one made.
    private static readonly (string From, string To)[] Joins =
    [
        (" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."),
        (" : ", ": "), (" ; ", "; "), (" . ", ". "), (" ! ", "! "), (" ? ", "? "), (" , ", ", "),
    ];

    private static readonly (string From, string To)[] Endings =
    [
        ("= = = =", "===="), ("= = =", "==="), ("= =", "=="), (" \u00B0 ", "\u00B0"),
        (" \n", "\n"), ("\n ", "\n"), (" N ", " 1 "), (" 's", "'s"),
    ];

    /// <summary>The text of a page.</summary>
    public static string Detokenize(string page)
    {
        // The harness writes a pattern where it means the digit it found, so that the digit is lost and the pattern's own letters stand there.
        string text = Digits().Replace(page.Replace("s '", "s'", StringComparison.Ordinal), "/'[0-9]/");
        text = Replace(text, Joins);
        foreach ((char open, char close) in new[] { ('(', ')'), ('[', ']'), ('{', '}'), ('"', '"'), ('\'', '\'') })
        {
            text = Tighten(text, open, close);
        }

        return Replace(text, Endings);
    }

    [GeneratedRegex("/' [0-9]/", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();

    private static string Replace(string text, (string From, string To)[] replacements) =>
        replacements.Aggregate(text, (changed, pair) => changed.Replace(pair.From, pair.To, StringComparison.Ordinal));

    // Strips what lies between a bracket and the next closing one, line breaks and other opening brackets included.
    private static string Tighten(string text, char open, char close)
    {
        var result = new StringBuilder(text.Length);
        int at = 0;
        while (true)
        {
            int start = text.IndexOf(open, at);
            int end = start < 0 ? -1 : text.IndexOf(close, start + 1);
            if (end < 0)
            {
                return result.Append(text, at, text.Length - at).ToString();
            }

            result.Append(text, at, start + 1 - at).Append(PythonText.Trim(text[(start + 1)..end])).Append(close);
            at = end + 1;
        }
    }
}
