using System.Text;

namespace Palmyra.Evaluation.Reports;

/// <summary>Tables of Markdown; cells are Markdown already.</summary>
internal static class MarkdownTable
{
    /// <summary>In front of a head: the column is set to the right.</summary>
    public const string Right = ">";

    public static void Write(StringBuilder text, IReadOnlyList<string> heads, IEnumerable<IReadOnlyList<string>> rows)
    {
        Row(text, heads.Select(head => head.StartsWith(Right, StringComparison.Ordinal) ? head[1..] : head));
        text.Append('|').AppendJoin('|', heads.Select(head => head.StartsWith(Right, StringComparison.Ordinal) ? "---:" : "---")).Append("|\n");
        foreach (IReadOnlyList<string> row in rows)
        {
            Row(text, row);
        }
    }

    private static void Row(StringBuilder text, IEnumerable<string> cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
}
