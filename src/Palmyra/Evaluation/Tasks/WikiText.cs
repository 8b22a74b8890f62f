using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Tasks;

/// <summary>WikiText (Merity et al. 2016): perplexity of whole Wikipedia pages, detokenised but counted in words and bytes of the tokenised text.</summary>
/// <remarks>
/// A page begins at a heading of the first level, a line "= Title =". Its text goes through the harness' detokenizer; its words are the pieces
/// <c>re.split(r"\s+", page)</c> makes of the page as it stands in the file, its bytes those of the page in UTF-8. The harness' own numbers are
/// of WikiText-2 in its raw form, without &lt;unk&gt;.
/// </remarks>
public sealed class WikiText : EvaluationTask
{
    private const int LongestPage = 1 << 24;

    /// <inheritdoc/>
    public override string Name => "wikitext";

    /// <inheritdoc/>
    public override string Title => "WikiText";

    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.Perplexity;

    /// <inheritdoc/>
    public override IReadOnlyList<string> FileNames => ["wiki.test.raw", "wiki.test.tokens", "wikitext*/test.txt"];

    /// <inheritdoc/>
    public override IReadOnlyList<KnownFile> KnownFiles { get; } =
    [
        new("d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0", "WikiText-2 test set at word level, with <unk>, 245,569 tokens"),
        new("f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8", "WikiText-2 validation set at word level, with <unk>, 217,646 tokens"),
    ];

    /// <inheritdoc/>
    public override IEnumerable<EvaluationItem> Read(DataFile data)
    {
        ArgumentNullException.ThrowIfNull(data);
        IEnumerable<EvaluationItem> items = Pages(data.Path).Select((page, index) => new EvaluationItem
        {
            Index = index,
            Requests = [new RollingRequest(WikiTextDetokenizer.Detokenize(page))],
            Words = PythonText.CountPieces(page),
            Bytes = Encoding.UTF8.GetByteCount(page),
        });
        return Bounded(items, data);
    }

    private static IEnumerable<string> Pages(string path)
    {
        var page = new StringBuilder();
        bool hasHeading = false;
        foreach ((int number, string line) in Lines(path))
        {
            if (IsHeading(line))
            {
                hasHeading = true;
                if (!IsBlank(page))
                {
                    // Lines are joined by line feeds, so the one before a heading belongs to neither page.
                    page.Length--;
                    yield return page.ToString();
                }

                page.Clear();
            }

            page.Append(line).Append('\n');
            if (page.Length > LongestPage)
            {
                throw new EvaluationException(
                    $"{path}, line {number}: a page was expected to begin with a line \"= Title =\"; found none in {LongestPage} letters.");
            }
        }

        if (!hasHeading)
        {
            throw new EvaluationException(
                $"{path}: expected WikiText, whose pages begin with a line \"= Title =\"; found no such line. " +
                $"For other text, name the task {PlainText.TaskName}.");
        }

        page.Length--;
        yield return page.ToString();
    }

    // As Python reads text: a carriage return with or without a line feed ends a line too, and what follows the last end is a line, even if empty.
    private static IEnumerable<(int Number, string Line)> Lines(string path)
    {
        int number = 0;
        bool isEnded = false;
        foreach (TextLine line in TextLines.Read(path))
        {
            (number, isEnded) = (line.Number, line.IsEnded);
            string text = Encoding.UTF8.GetString(line.Bytes.Span);
            if (isEnded && text.EndsWith('\r'))
            {
                text = text[..^1];
            }

            foreach (string part in text.Split('\r'))
            {
                yield return (number, part);
            }
        }

        if (isEnded)
        {
            yield return (number + 1, string.Empty);
        }
    }

    private static bool IsHeading(string line)
    {
        string joined = PythonText.Trim(line.Replace("= = =", "===", StringComparison.Ordinal).Replace("= =", "==", StringComparison.Ordinal));
        return joined.StartsWith("= ", StringComparison.Ordinal) && joined.EndsWith(" =", StringComparison.Ordinal);
    }

    private static bool IsBlank(StringBuilder text)
    {
        foreach (ReadOnlyMemory<char> chunk in text.GetChunks())
        {
            foreach (char letter in chunk.Span)
            {
                if (!PythonText.IsSpace(letter))
                {
                    return false;
                }
            }
        }

        return true;
    }
}
