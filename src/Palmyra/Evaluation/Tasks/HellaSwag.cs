using System.Text;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Tasks;

/// <summary>HellaSwag (Zellers et al. 2019): which of four endings goes on with a description?</summary>
/// <remarks>
/// Of the original's records the query is "activity_label: ctx_a ctx_b", ctx_b as Python's <c>capitalize</c> writes it, and query and endings
/// are cleaned of WikiHow's tags. Records of <c>{"query", "endings", "label"}</c> have been prepared already and are taken as they are. A
/// space joins query and ending.
/// </remarks>
public sealed class HellaSwag : EvaluationTask
{
    private const int Endings = 4;

    /// <inheritdoc/>
    public override string Name => "hellaswag";

    /// <inheritdoc/>
    public override string Title => "HellaSwag";

    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.MultipleChoice;

    /// <inheritdoc/>
    public override IReadOnlyList<string> FileNames => ["hellaswag_val*.jsonl"];

    /// <inheritdoc/>
    public override IReadOnlyList<KnownFile> KnownFiles { get; } =
    [
        new(
            "50a3bf4e55a56f067d13eef491e48f6ddf299d6175ec2d253b62e3442ec99710",
            "HellaSwag validation set as cleaned text, ctx_b not capitalised, 10,042 items, derived",
            IsDerived: true),
    ];

    /// <inheritdoc/>
    public override double? Chance => 0.25;

    /// <inheritdoc/>
    internal override bool? DrawsOneMoreExample => true;

    /// <inheritdoc/>
    internal override IReadOnlyList<IReadOnlyList<string>> Forms { get; } =
        [["activity_label", "ctx_a", "ctx_b", "endings", "label"], ["query", "endings", "label"]];

    /// <summary>The harness' cleaning: stripped, then " [title]" becomes ". ", then tags go, then two spaces become one in a single pass.</summary>
    /// <remarks>A tag is what stands between a bracket and the nearest closing one of the same line. What a removed tag leaves at an edge stays.</remarks>
    internal static string Clean(string text)
    {
        string titled = PythonText.Trim(text).Replace(" [title]", ". ", StringComparison.Ordinal);
        return WithoutTags(titled).Replace("  ", " ", StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public override IEnumerable<EvaluationItem> Read(DataFile data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return JsonLines.Items(data, this, Item);
    }

    private static EvaluationItem Item(JsonRecord record, int index)
    {
        bool isPrepared = !record.Has("ctx_a");
        string query = isPrepared
            ? record.Text("query")
            : Clean($"{record.Text("activity_label")}: {record.Text("ctx_a")} {PythonText.Capitalize(record.Text("ctx_b"))}");
        IReadOnlyList<string> endings = record.Texts("endings");
        if (endings.Count != Endings)
        {
            throw record.Refused($"field endings was expected to have {Endings} texts; found {endings.Count}.");
        }

        string[] choices = [.. endings.Select(ending => isPrepared ? ending : Clean(ending))];
        return new EvaluationItem
        {
            Index = index,
            Requests = [.. choices.Select(choice => new ContinuationRequest(query, " " + choice))],
            Choices = choices,
            Gold = record.Choice("label", Endings),
        };
    }

    private static string WithoutTags(string text)
    {
        var kept = new StringBuilder(text.Length);
        ReadOnlySpan<char> rest = text;
        while (rest.IndexOf('[') is >= 0 and int open)
        {
            int end = rest[open..].IndexOfAny(']', '\n');
            if (end < 0)
            {
                break;
            }

            // A line that ends first has no closing bracket for its other opening ones either: each letter is looked at once.
            end += open + 1;
            kept.Append(rest[end - 1] == ']' ? rest[..open] : rest[..end]);
            rest = rest[end..];
        }

        return kept.Append(rest).ToString();
    }
}
