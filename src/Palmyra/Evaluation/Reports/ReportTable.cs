using System.Text;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Reports;

/// <summary>Reports as Markdown tables. The same report gives the same bytes: how long a run took is not in them.</summary>
public static class ReportTable
{
    private const string Lambada = "lambada_openai";
    private const string Winogrande = "winogrande";
    private const string HellaSwag = "hellaswag";
    private const string Piqa = "piqa";

    private const string Derived = "derived data";
    private const string Unverified = "unverified data";

    /// <summary>The table as the model cards of this family print it: a row a model, random chance first, then tasks that those cards lack.</summary>
    /// <remarks>
    /// Training FLOPs are 6·N·D. Of acc and acc_norm the better one is shown for HellaSwag and PIQA, which is how GPT-J's card came by its
    /// numbers (its author's word), and beside each stands which it is. PIQA has two choices, so chance is 50 %; that card says 25 %.
    /// </remarks>
    /// <param name="report">The report.</param>
    public static string Card(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        IReadOnlyList<ReportRow> rows = ReportRow.Of(report);
        List<Column> columns =
        [
            new("Model", "Random chance", row => Escaped.Markdown(row.Name), Left: true),
            new("Public", ReportNumber.NotRun, row => row.Model.IsPublic switch { true => "yes", false => "no", _ => ReportNumber.Unknown }),
            new("Training FLOPs", ReportNumber.NotRun, TrainingFlops),
            new("LAMBADA PPL ↓", ReportNumber.NotRun, row => Cell(row.Find(Lambada), "perplexity")),
            new("LAMBADA Acc ↑", ReportNumber.NotRun, row => Cell(row.Find(Lambada), "acc")),
            new("Winogrande ↑", ReportNumber.Percent(0.5), row => Cell(row.Find(Winogrande), "acc")),
            new("HellaSwag ↑", ReportNumber.Percent(0.25), row => BetterCell(row.Find(HellaSwag))),
            new("PIQA ↑", ReportNumber.Percent(0.5), row => BetterCell(row.Find(Piqa))),
            new("Dataset Size (GB)", ReportNumber.NotRun, row =>
                row.Model.DatasetGigabytes is double size ? ReportNumber.Significant(size) : ReportNumber.Unknown),
            .. OtherTasks(rows),
        ];
        var text = new StringBuilder();
        MarkdownTable.Write(
            text,
            [.. columns.Select(column => column.Left ? column.Head : MarkdownTable.Right + column.Head)],
            rows.Select(row => columns.Select(column => column.Of(row)).ToArray()).Prepend([.. columns.Select(column => column.Chance)]));
        foreach (string note in CardNotes(rows))
        {
            text.Append('\n').Append(note).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Every metric of every task with its standard error, items, protocol and data, then the training FLOPs by each formula.</summary>
    /// <param name="report">The report.</param>
    public static string Full(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var text = new StringBuilder();
        IReadOnlyList<ReportRow> models = ReportRow.Of(report);
        string[][] rows = [.. models.SelectMany(row => row.Tasks.SelectMany(task => task.Metrics.Select(metric => FullRow(row.Name, task, metric))))];
        if (rows.Length == 0)
        {
            text.Append("No task was run.\n");
        }
        else
        {
            string r = MarkdownTable.Right;
            string[] head =
                ["Model", "Task", "Metric", r + "Value ± standard error", r + "Items", "Protocol", r + "Few-shot", "Data", "SHA-256", "Known as"];
            MarkdownTable.Write(text, head, rows);
        }

        AppendFlops(text, models);
        return text.ToString();
    }

    private static string TrainingFlops(ReportRow row) => row.Model is { Parameters: long parameters, TrainingTokens: double tokens }
        ? ReportNumber.Flops(6.0 * parameters * tokens)
        : ReportNumber.Unknown;

    private static string Cell(TaskResult? task, string metric) =>
        task?.Find(metric) is MetricValue value ? Marked(ReportNumber.Value(value), task) : ReportNumber.NotRun;

    private static string BetterCell(TaskResult? task)
    {
        // acc first: on a tie the plainer one is named.
        MetricValue? best = new[] { task?.Find("acc"), task?.Find("acc_norm") }.Where(value => value is not null).MaxBy(value => value!.Value);
        return best is null ? ReportNumber.NotRun : Marked(ReportNumber.Value(best), task!, best.Name);
    }

    private static string Marked(string value, TaskResult task, string? metric = null)
    {
        // Under a benchmark's name stand only numbers of the benchmark's data, unless they say that they are not.
        string?[] marks =
        [
            metric,
            task.Limit is null ? null : $"{ReportNumber.Count(task.Items)} items",
            DataMark(task),
        ];
        string mark = string.Join(", ", marks.Where(part => part is not null));
        return mark.Length == 0 ? value : $"{value} ({mark})";
    }

    /// <summary>What a benchmark was measured on, where that is not the published file; null where it is, and for other tasks.</summary>
    internal static string? DataMark(TaskResult task) => task.Task is not (Lambada or Winogrande or HellaSwag or Piqa) ? null
        : task.DataKnownAs is null ? Unverified
        : task.DataIsDerived ? Derived
        : null;

    private static IEnumerable<Column> OtherTasks(IReadOnlyList<ReportRow> rows)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal) { Lambada, Winogrande, HellaSwag, Piqa };
        foreach (TaskResult task in rows.SelectMany(row => row.Tasks).Where(task => task.Metrics.Count > 0))
        {
            if (seen.Add(task.Task))
            {
                (string name, string metric) = (task.Task, task.Metrics[0].Name);
                string better = ReportNumber.IsAccuracy(metric) ? "↑" : "↓";
                yield return new Column(
                    $"{Escaped.Markdown(task.Title)} {Escaped.Markdown(metric)} {better}",
                    task.Chance is double chance ? ReportNumber.Percent(chance) : ReportNumber.NotRun,
                    row => Cell(row.Find(name), metric));
            }
        }
    }

    private static IEnumerable<string> CardNotes(IReadOnlyList<ReportRow> rows)
    {
        TaskResult[] tasks = [.. rows.SelectMany(row => row.Tasks)];
        if (tasks.Length > 0)
        {
            string[] protocols = [.. tasks.GroupBy(task => task.Protocol).Select(Ways)];
            yield return $"{(protocols.Length == 1 ? "Protocol" : "Protocols")}: {string.Join("; ", protocols)}.";
        }

        yield return $"{ReportNumber.NotRun} was not run or has no value. Training FLOPs are 6·N·D, N parameters and D training tokens. "
            + "Chance is one of two choices for Winogrande and PIQA, one of four for HellaSwag.";
        if (tasks.Any(task => task.Task is HellaSwag or Piqa))
        {
            yield return "HellaSwag and PIQA: the better of acc and acc_norm, the rule by which GPT-J's model card was filled; which one it is stands beside the number.";
        }

        if (tasks.Any(task => DataMark(task) == Unverified))
        {
            yield return $"Numbers marked \"{Unverified}\" come from a file whose checksum is none that is known here: it may be the published one or any other.";
        }

        if (tasks.Any(task => DataMark(task) == Derived))
        {
            yield return $"Numbers marked \"{Derived}\" come from a file that somebody made from the published one; the second table says what differs.";
        }

        if (tasks.Any(task => task.Limit is not null))
        {
            yield return "Numbers that name their items were measured on a part of the data only.";
        }

        if (tasks.Any(task => task.ItemsCut > 0))
        {
            yield return "Some contexts did not fit the model and lost their beginning; how many stands beside the items in the table of every metric.";
        }
    }

    // "today (what it stands for), 0-shot and 5-shot"
    private static string Ways(IGrouping<string, TaskResult> protocol)
    {
        string meaning = EvaluationProtocol.Find(protocol.Key) is { } known ? $" ({known.Meaning.TrimEnd('.')})" : string.Empty;
        return $"{Escaped.Markdown(protocol.Key)}{meaning}, {string.Join(" and ", protocol.Select(task => $"{task.FewShot}-shot").Distinct())}";
    }

    private static string[] FullRow(string model, TaskResult task, MetricValue metric) =>
    [
        Escaped.Markdown(model),
        Escaped.Markdown(task.Title),
        Escaped.Markdown(metric.Name),
        ReportNumber.WithError(metric),
        Items(task),
        Escaped.Markdown(task.Protocol),
        ReportNumber.Count(task.FewShot),
        Escaped.Markdown(task.DataName),
        Escaped.Markdown(task.DataSha256[..Math.Min(12, task.DataSha256.Length)]),
        task.DataKnownAs is string known ? Escaped.Markdown(known) : "not a known file",
    ];

    private static string Items(TaskResult task)
    {
        string?[] remarks = [task.Limit is null ? null : "limited", task.ItemsCut == 0 ? null : $"{ReportNumber.Count(task.ItemsCut)} cut"];
        string remark = string.Join(", ", remarks.Where(part => part is not null));
        return ReportNumber.Count(task.Items) + (remark.Length == 0 ? string.Empty : $" ({remark})");
    }

    private static void AppendFlops(StringBuilder text, IReadOnlyList<ReportRow> rows)
    {
        ReportRow[] counted = [.. rows.Where(row => row.Model.TrainingFlopsPerToken.Count > 0)];
        string[] formulas = [.. counted.SelectMany(row => row.Model.TrainingFlopsPerToken.Keys).Distinct(StringComparer.Ordinal)];
        if (formulas.Length == 0)
        {
            return;
        }

        text.Append("\nTraining FLOPs by formula; a token's where the training tokens are not known:\n\n");
        string r = MarkdownTable.Right;
        MarkdownTable.Write(
            text,
            ["Model", r + "Training tokens", .. formulas.Select(formula => r + Escaped.Markdown(formula))],
            counted.Select(row => new[]
            {
                Escaped.Markdown(row.Name),
                row.Model.TrainingTokens is double tokens ? ReportNumber.Significant(tokens) : ReportNumber.Unknown,
            }.Concat(formulas.Select(formula => FlopsCell(row.Model, formula))).ToArray()));
    }

    private static string FlopsCell(ModelDescription model, string formula) =>
        !model.TrainingFlopsPerToken.TryGetValue(formula, out double flops) ? ReportNumber.NotRun
        : model.TrainingTokens is double tokens ? ReportNumber.FlopsInFull(flops * tokens)
        : ReportNumber.FlopsInFull(flops) + " a token";

    private sealed record Column(string Head, string Chance, Func<ReportRow, string> Of, bool Left = false);
}
