using System.Globalization;
using System.Text;

namespace Palmyra.Evaluation.Reports;

/// <summary>A report as a picture (SVG): accuracies as bars, models side by side, then perplexities on a logarithmic axis.</summary>
/// <remarks>Every acc, acc_norm and perplexity has its bar; acc_bytes and bits a byte are left to the tables. The same report gives the same bytes.</remarks>
public static class ReportChart
{
    private const int LabelWidth = 230;
    private const int PlotWidth = 420;
    private const int Width = LabelWidth + PlotWidth + 190;
    private const int BarHeight = 14;
    private const int GroupGap = 14;
    private const int HeadHeight = 34;
    private const int LegendHeight = 20;
    private const int Margin = 8;

    // A bar of nothing is seen all the same: a pixel of its colour, and half a one that the axis hides.
    private const double LeastWidth = 1.5;
    private const int LongestName = 90;
    private const int LongestLabel = 36;

    // Colours of middling lightness, told apart on a light page and a dark one, and by most who see fewer colours; bars keep the legend's order.
    private static readonly string[] Colours = ["#3b7dbd", "#d1742a", "#3f9160", "#a35fb5", "#b8982f", "#c2577a", "#4a9aa5", "#7d7f86"];

    private static readonly string Style =
        "text{font:12px system-ui,sans-serif;fill:#24292f}.head{font-weight:600}.axis{stroke:#8c959f}.grid{stroke:#8c959f;stroke-opacity:.25}"
        + ".chance{stroke:#24292f;stroke-dasharray:4 3}.error{stroke:#24292f;stroke-width:1.5}"
        + string.Concat(Colours.Select((colour, i) => $".m{i}{{fill:{colour}}}"))
        + "@media(prefers-color-scheme:dark){text{fill:#d0d7de}.chance,.error{stroke:#d0d7de}}";

    /// <summary>Draws a report.</summary>
    /// <param name="report">The report.</param>
    /// <returns>An SVG document.</returns>
    public static string Draw(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        IReadOnlyList<ReportRow> rows = ReportRow.Of(report);
        Bar[] bars = [.. rows.SelectMany(BarsOf)];
        var body = new StringBuilder();
        int y = Margin;
        if (bars.Length == 0)
        {
            Line(body, $"""<text x="{Margin}" y="{y + 14}">No results</text>""");
            y += LegendHeight;
        }
        else
        {
            y = Legend(body, rows, y);
            y = Panel(body, [.. bars.Where(bar => ReportNumber.IsAccuracy(bar.Metric.Name))], Accuracy, y);
            Bar[] perplexities = [.. bars.Where(bar => !ReportNumber.IsAccuracy(bar.Metric.Name))];
            y = Panel(body, perplexities, Perplexity(perplexities), y);
        }

        string title = Escaped.Xml($"Evaluation results of {Escaped.Cut(string.Join(", ", rows.Select(row => row.Name)), 400)}");
        return $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {y + Margin}" width="{Width}" role="img" aria-label="{title}">
            <title>{title}</title>
            <style>{Style}</style>
            {body}</svg>

            """.ReplaceLineEndings("\n");
    }

    private static IEnumerable<Bar> BarsOf(ReportRow row, int model) => row.Tasks
        .SelectMany(task => task.Metrics.Select(metric => new Bar(row.Name, model, task, metric)))
        .Where(bar => bar.Metric.Name is "acc" or "acc_norm" || ReportNumber.IsPerplexity(bar.Metric.Name));

    private static int Legend(StringBuilder body, IReadOnlyList<ReportRow> rows, int y)
    {
        for (int i = 0; i < rows.Count; i++, y += LegendHeight)
        {
            Line(body, $"""<g><rect class="m{i % Colours.Length}" x="{Margin}" y="{y + 4}" width="{BarHeight}" height="{BarHeight - 2}" rx="2"/>""");
            Line(body, $"""<text x="{Margin + 22}" y="{y + 14}">{Escaped.Xml(LegendName(rows[i]))}</text></g>""");
        }

        return y;
    }

    // What tells rows of one name apart stands at the end, so it is the model's name that is cut.
    private static string LegendName(ReportRow row) =>
        Escaped.Cut(Escaped.Cut(row.Model.Name, Math.Max(LongestName / 3, LongestName - row.Marks.Length)) + row.Marks, LongestName);

    private static int Panel(StringBuilder body, Bar[] bars, Axis axis, int y)
    {
        if (bars.Length == 0)
        {
            return y;
        }

        Line(body, $"""<text class="head" x="{Margin}" y="{y + 24}">{axis.Title}</text>""");
        int top = y += HeadHeight;
        var groups = bars.GroupBy(bar => (bar.Task.Task, bar.Metric.Name)).ToArray();
        int bottom = y + (bars.Length * BarHeight) + (groups.Length * GroupGap);
        foreach ((double at, string label) in axis.Ticks)
        {
            string x = X(axis.Position(at));
            Line(body, $"""<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>""");
            Line(body, $"""<text x="{x}" y="{bottom + 14}" text-anchor="middle">{label}</text>""");
        }

        foreach (IGrouping<(string Task, string Metric), Bar> group in groups)
        {
            Bar[] members = [.. group];
            int height = members.Length * BarHeight;
            y += GroupGap / 2;
            string label = Escaped.Xml(Escaped.Cut($"{members[0].Task.Title}, {group.Key.Metric}", LongestLabel));
            Line(body, $"""<text x="{LabelWidth - Margin}" y="{y + (height / 2) + 4}" text-anchor="end">{label}</text>""");
            for (int i = 0; i < members.Length; i++)
            {
                DrawBar(body, members[i], axis, y + (i * BarHeight));
            }

            if (axis.HasChance && members[0].Task.Chance is double chance)
            {
                string x = X(axis.Position(chance));
                Line(body, $"""<line class="chance" x1="{x}" x2="{x}" y1="{y - 3}" y2="{y + height + 3}"><title>chance: {ReportNumber.Percent(chance)}</title></line>""");
            }

            y += height + (GroupGap / 2);
        }

        Line(body, $"""<line class="axis" x1="{LabelWidth}" x2="{LabelWidth}" y1="{top}" y2="{bottom}"/>""");
        return bottom + 22;
    }

    private static void DrawBar(StringBuilder body, Bar bar, Axis axis, int y)
    {
        string value = ReportNumber.WithError(bar.Metric);
        string title = Escaped.Xml($"{bar.Model}: {bar.Task.Title}, {bar.Metric.Name} {value}");
        string width = Digits(Math.Max(LeastWidth, axis.Position(bar.Metric.Value) * PlotWidth));
        Line(body, $"""<rect class="m{bar.Colour % Colours.Length}" x="{LabelWidth}" y="{y + 1}" width="{width}" height="{BarHeight - 2}"><title>{title}</title></rect>""");
        if (bar.Metric.StandardError is double error && double.IsFinite(error) && double.IsFinite(bar.Metric.Value))
        {
            (string low, string high) = (X(axis.Position(bar.Metric.Value - error)), X(axis.Position(bar.Metric.Value + error)));
            int middle = y + (BarHeight / 2);
            Line(body, $"""<line class="error" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>""");
        }

        Line(body, $"""<text x="{LabelWidth + PlotWidth + Margin}" y="{y + BarHeight - 3}">{value}</text>""");
    }

    private static Axis Accuracy => new(
        "Accuracy; thin line: ± one standard error, dashed: chance",
        value => double.IsNaN(value) ? 0 : Math.Clamp(value, 0, 1),
        [.. Enumerable.Range(0, 5).Select(i => (i / 4.0, $"{25 * i} %"))],
        HasChance: true);

    private static Axis Perplexity(Bar[] bars)
    {
        // From 1, the least a perplexity can be, to the power of ten above the largest finite one.
        double largest = bars.Select(bar => bar.Metric.Value).Where(double.IsFinite).DefaultIfEmpty(1).Max();
        int decades = Math.Max(1, (int)Math.Ceiling(Math.Log10(Math.Max(largest, 1))));
        int step = 1 + ((decades - 1) / 8);
        return new Axis(
            "Perplexity, lower is better; logarithmic axis",
            value => value > 1 ? Math.Min(1, Math.Log10(value) / decades) : 0,
            [.. Enumerable.Range(0, (decades / step) + 1).Select(i => (Math.Pow(10, i * step), Power(i * step)))],
            HasChance: false);
    }

    private static string Power(int exponent) =>
        exponent < 4 ? ReportNumber.Count(Math.Pow(10, exponent)) : string.Create(CultureInfo.InvariantCulture, $"1e{exponent}");

    private static string X(double position) => Digits(LabelWidth + (position * PlotWidth));

    private static string Digits(double value) => ReportNumber.Fixed(value, 1);

    private static void Line(StringBuilder body, string text) => body.Append(text).Append('\n');

    private sealed record Bar(string Model, int Colour, TaskResult Task, MetricValue Metric);

    /// <summary>A scale: where a value lies, 0 to 1, and what is written under it.</summary>
    private sealed record Axis(string Title, Func<double, double> Position, IReadOnlyList<(double At, string Label)> Ticks, bool HasChance);
}
