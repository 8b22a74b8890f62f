using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Tasks;

/// <summary>WinoGrande XL (Sakaguchi et al. 2019) by partial scoring: which of two names makes the rest of the sentence more probable?</summary>
/// <remarks>
/// The sentence is cut at its first <c>_</c>. Each option ends a context of its own; what follows, stripped and with one space before it, is
/// the continuation of both. So punctuation right after the blank gains a space, as in the harness. Both continuations being one text,
/// there are no lengths to divide by.
/// </remarks>
public sealed class Winogrande : EvaluationTask
{
    /// <inheritdoc/>
    public override string Name => "winogrande";

    /// <inheritdoc/>
    public override string Title => "WinoGrande";

    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.MultipleChoice;

    /// <inheritdoc/>
    public override IReadOnlyList<string> FileNames => ["winogrande_xl_dev*.jsonl", "winogrande*/dev.jsonl"];

    /// <inheritdoc/>
    public override IReadOnlyList<KnownFile> KnownFiles { get; } =
    [
        new(
            "69f3d7f3a900d775339b04c7de672609c40fca573e50f594f2ae66d8782505be",
            "WinoGrande XL validation set without qID, 1,267 items, derived",
            IsDerived: true),
    ];

    /// <inheritdoc/>
    public override double? Chance => 0.5;

    /// <inheritdoc/>
    public override bool NormalizesByLength => false;

    /// <inheritdoc/>
    internal override bool? DrawsOneMoreExample => true;

    /// <inheritdoc/>
    internal override IReadOnlyList<IReadOnlyList<string>> Forms { get; } = [["sentence", "option1", "option2", "answer"]];

    /// <inheritdoc/>
    public override IEnumerable<EvaluationItem> Read(DataFile data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return JsonLines.Items(data, this, Item);
    }

    private static EvaluationItem Item(JsonRecord record, int index)
    {
        string sentence = record.Text("sentence");
        int blank = sentence.IndexOf('_', StringComparison.Ordinal);
        if (blank < 0)
        {
            throw record.Wrong("sentence", "a sentence with _ where an option goes");
        }

        string rest = " " + PythonText.Trim(sentence[(blank + 1)..]);
        return new EvaluationItem
        {
            Index = index,
            Requests =
            [
                new ContinuationRequest(sentence[..blank] + record.Text("option1"), rest),
                new ContinuationRequest(sentence[..blank] + record.Text("option2"), rest),
            ],
            Gold = record.Choice("answer", count: 2, first: 1),
        };
    }
}
