using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Tasks;

/// <summary>PIQA (Bisk et al. 2019): which of two solutions reaches a physical goal?</summary>
/// <remarks>
/// The context is "Question: goal\nAnswer:", a space joins it with a solution. The right one, 0 or 1, is each record's field <c>label</c>, or a
/// line of a file beside the data: <c>X-labels.lst</c> or <c>X.lst</c> for <c>X.jsonl</c>.
/// </remarks>
public sealed class Piqa : EvaluationTask
{
    /// <inheritdoc/>
    public override string Name => "piqa";

    /// <inheritdoc/>
    public override string Title => "PIQA";

    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.MultipleChoice;

    /// <inheritdoc/>
    public override IReadOnlyList<string> FileNames => ["piqa*/valid.jsonl", "piqa_valid*.jsonl"];

    /// <inheritdoc/>
    public override IReadOnlyList<KnownFile> KnownFiles { get; } =
        [new("93503cc97c679e459b065c3d13e848282e44b2a25213985bed3e5d458abef72d", "PIQA validation set, 1,838 items, labels apart")];

    /// <inheritdoc/>
    public override double? Chance => 0.5;

    /// <inheritdoc/>
    public override IReadOnlyList<string> FilesBeside(string path) => LabelsOf(path) is string labels ? [labels] : [];

    /// <inheritdoc/>
    internal override bool? DrawsOneMoreExample => true;

    /// <inheritdoc/>
    internal override IReadOnlyList<IReadOnlyList<string>> Forms { get; } = [["goal", "sol1", "sol2"]];

    /// <inheritdoc/>
    public override IEnumerable<EvaluationItem> Read(DataFile data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Read(data, this);
    }

    private static string? LabelsOf(string path)
    {
        string stem = Path.ChangeExtension(path, null);
        return new[] { stem + "-labels.lst", stem + ".lst" }.FirstOrDefault(File.Exists);
    }

    private static IEnumerable<EvaluationItem> Read(DataFile data, EvaluationTask task)
    {
        Labels? labels = null;
        try
        {
            foreach (EvaluationItem item in JsonLines.Items(data, task, (record, index) =>
            {
                // The first record decides where the labels are; all others must agree.
                labels = index == 0 && !record.Has("label") ? new Labels(data.Path) : labels;
                return Item(record, index, labels?.Next(record) ?? record.Choice("label", count: 2));
            }))
            {
                yield return item;
            }

            labels?.CheckEnd();
        }
        finally
        {
            labels?.Dispose();
        }
    }

    private static EvaluationItem Item(JsonRecord record, int index, int gold)
    {
        string context = $"Question: {record.Text("goal")}\nAnswer:";
        string[] solutions = [record.Text("sol1"), record.Text("sol2")];
        return new EvaluationItem
        {
            Index = index,
            Requests = [.. solutions.Select(solution => new ContinuationRequest(context, " " + solution))],
            Choices = solutions,
            Gold = gold,
        };
    }

    /// <summary>The file of labels beside the data.</summary>
    private sealed class Labels : IDisposable
    {
        private readonly string _path;
        private readonly string _dataPath;
        private readonly IEnumerator<TextLine> _lines;

        public Labels(string dataPath)
        {
            string name = Path.GetFileNameWithoutExtension(dataPath);
            _dataPath = dataPath;
            _path = LabelsOf(dataPath) ?? throw new EvaluationException(
                $"{dataPath}: its records have no field label, and beside it lies neither {name}-labels.lst nor {name}.lst with a label a line.");
            _lines = TextLines.Read(_path).GetEnumerator();
        }

        public int Next(JsonRecord record)
        {
            if (!_lines.MoveNext() || _lines.Current.IsBlank)
            {
                throw new EvaluationException($"{_path}: expected a label for every record of {_dataPath}; found none for its line {record.Line}.");
            }

            ReadOnlySpan<byte> label = _lines.Current.Bytes.Span.Trim(" \t\r"u8);
            return label.SequenceEqual("0"u8) ? 0
                : label.SequenceEqual("1"u8) ? 1
                : throw new EvaluationException($"{_path}, line {_lines.Current.Number}: a label was expected to be 0 or 1.");
        }

        public void CheckEnd()
        {
            while (_lines.MoveNext())
            {
                if (!_lines.Current.IsBlank)
                {
                    throw new EvaluationException(
                        $"{_path}, line {_lines.Current.Number}: expected no more labels than {_dataPath} has records; found one more.");
                }
            }
        }

        public void Dispose() => _lines.Dispose();
    }
}
