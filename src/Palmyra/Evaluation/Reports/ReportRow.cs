using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Reports;

/// <summary>A line of the card's table and a colour of the chart: a model's results under one protocol with one number of examples.</summary>
internal sealed record ReportRow(ModelDescription Model, IReadOnlyList<TaskResult> Tasks)
{
    private const int DigestDigits = 8;

    // What may tell rows of one name apart, in the order a reader would ask.
    private static readonly Func<ReportRow, string?>[] Distinctions =
    [
        row => row.Tasks is [TaskResult first, ..] ? $"{first.Protocol}, {first.FewShot}-shot" : null,
        row => row.Model.Weights is string weights ? $"{weights} weights" : null,
        row => row.Model.Where,
        row => row.Model.Digest is string digest ? digest[..Math.Min(DigestDigits, digest.Length)] : null,
    ];

    /// <summary>What tells it from the other rows of its model's name, in brackets after a blank; empty where there are none.</summary>
    public string Marks { get; private init; } = string.Empty;

    /// <summary>The name of the row, which no other row of the report has.</summary>
    public string Name => Model.Name + Marks;

    /// <summary>The rows of a report.</summary>
    public static IReadOnlyList<ReportRow> Of(EvaluationReport report)
    {
        var rows = new List<ReportRow>();
        foreach (ModelResults results in report.Models)
        {
            if (results.Tasks.Count == 0)
            {
                rows.Add(new ReportRow(results.Model, []));
            }

            foreach (IGrouping<(string, int), TaskResult> way in results.Tasks.GroupBy(task => (task.Protocol, task.FewShot)))
            {
                var row = new ReportRow(results.Model, [.. way]);
                int earlier = rows.FindIndex(row.Continues);
                if (earlier < 0)
                {
                    rows.Add(row);
                }
                else
                {
                    rows[earlier] = rows[earlier] with { Tasks = [.. rows[earlier].Tasks, .. row.Tasks] };
                }
            }
        }

        foreach (IGrouping<string, int> group in Enumerable.Range(0, rows.Count).GroupBy(i => Escaped.Line(rows[i].Model.Name)).ToArray())
        {
            int[] same = [.. group];
            string[] marks = TellApart([.. same.Select(i => rows[i])]);
            for (int i = 0; i < same.Length; i++)
            {
                rows[same[i]] = rows[same[i]] with { Marks = marks[i].Length == 0 ? string.Empty : $" ({marks[i]})" };
            }
        }

        return rows;
    }

    /// <summary>The result of a task, or null if it was not run.</summary>
    public TaskResult? Find(string task) => Tasks.FirstOrDefault(result => result.Task == task);

    // The same weights, of which all the same is known, measured in the same way on other tasks: two runs that make one row.
    private bool Continues(ReportRow earlier) =>
        Model.Digest is not null
        && earlier.Model == Model with { TrainingFlopsPerToken = earlier.Model.TrainingFlopsPerToken }
        && earlier.Tasks is [TaskResult first, ..] && first.Protocol == Tasks[0].Protocol && first.FewShot == Tasks[0].FewShot
        && Tasks.All(task => earlier.Find(task.Task) is null);

    /// <summary>As much as it takes for rows of one name to differ; what does not part any of them is left out. At last they are numbered.</summary>
    private static string[] TellApart(ReportRow[] rows)
    {
        string[] marks = [.. rows.Select(_ => string.Empty)];
        foreach (Func<ReportRow, string?> distinction in Distinctions)
        {
            string[] longer = [.. rows.Select((row, i) => Joined(marks[i], distinction(row)))];
            if (longer.Distinct(StringComparer.Ordinal).Count() > marks.Distinct(StringComparer.Ordinal).Count())
            {
                marks = longer;
            }
        }

        return [.. marks.Select((mark, i) =>
            marks.Count(other => other == mark) > 1 ? Joined(mark, $"no. {marks.Take(i + 1).Count(other => other == mark)}") : mark)];
    }

    private static string Joined(string mark, string? more) =>
        more is null ? mark : mark.Length == 0 ? Escaped.Line(more) : $"{mark}, {Escaped.Line(more)}";
}
