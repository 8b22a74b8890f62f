using System.Globalization;
using System.Net;
using System.Text;

namespace Palmyra.Benchmarks.Results;

/// <summary>
/// Bars of the shares and ratios that have a target, the target a line across its bar; shares of limits first. Bytes have no bars.
/// </summary>
internal static class BarChart
{
    private const int LabelWidth = 480;
    private const int PlotWidth = 420;
    private const int ValueWidth = 150;
    private const int RowHeight = 20;
    private const int BarHeight = 13;
    private const int HeadHeight = 44;

    // Readable on a light page and on a dark one; whether a target is reached is said in words too.
    private const string Style =
        "text{font:12px system-ui,sans-serif;fill:#24292f}.head{font-weight:600}.axis{stroke:#8c959f}.target{stroke:#24292f;stroke-width:2}"
        + ".yes{fill:#2f7d4f}.no{fill:#b5563c}.range{stroke:#57606a;stroke-width:1.5}"
        + "@media(prefers-color-scheme:dark){text{fill:#d0d7de}.target{stroke:#d0d7de}.range{stroke:#afb8c1}.yes{fill:#3fa169}.no{fill:#d0714f}}";

    /// <summary>The picture.</summary>
    public static string Draw(IEnumerable<ResultRow> rows)
    {
        ResultRow[] drawn = [.. rows.Where(row => row.Target is not null && row.Values.Length > 0)];
        (string Head, ResultRow[] Rows)[] panels =
        [
            ("Share of the limit measured in the same round", [.. drawn.Where(row => row.Measure == Measure.Share)]),
            ("Times the speed of a peer, or of our own F32, in the same round", [.. drawn.Where(row => row.Measure == Measure.Times)]),
        ];
        var body = new StringBuilder();
        int y = 0;
        foreach ((string head, ResultRow[] members) in panels.Where(panel => panel.Rows.Length > 0))
        {
            double full = Math.Max(members.Max(row => row.Values.Max()), members.Max(row => row.Target!.Value)) * 1.02;
            Line(body, $"""<text class="head" x="8" y="{y + 26}">{head}; across: the target, thin: lowest to highest round</text>""");
            y += HeadHeight;
            foreach (ResultRow row in members)
            {
                Bar(body, row, y, full);
                y += RowHeight;
            }

            Line(body, $"""<line class="axis" x1="{LabelWidth}" x2="{LabelWidth}" y1="{y - (members.Length * RowHeight)}" y2="{y}"/>""");
        }

        const int Width = LabelWidth + PlotWidth + ValueWidth;
        return $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {y + 12}" width="{Width}" role="img" aria-label="Measured speeds beside their targets">
            <style>{Style}</style>
            {body}</svg>

            """;
    }

    private static void Bar(StringBuilder body, ResultRow row, int y, double full)
    {
        string X(double value) => (LabelWidth + (value / full * PlotWidth)).ToString("F1", CultureInfo.InvariantCulture);
        int middle = y + (RowHeight / 2);
        string width = (row.Median / full * PlotWidth).ToString("F1", CultureInfo.InvariantCulture);
        string label = WebUtility.HtmlEncode($"{row.Title}{(row.Measure == Measure.Times ? $", to {row.Of}" : "")}");
        Line(body, $"""<text x="{LabelWidth - 8}" y="{middle + 4}" text-anchor="end">{label}</text>""");
        Line(body, $"""<rect class="{row.Verdict}" x="{LabelWidth}" y="{middle - (BarHeight / 2)}" width="{width}" height="{BarHeight}"/>""");
        Line(body, $"""<line class="range" x1="{X(row.Values.Min())}" x2="{X(row.Values.Max())}" y1="{middle}" y2="{middle}"/>""");
        Line(body, $"""<line class="target" x1="{X(row.Target!.Value)}" x2="{X(row.Target!.Value)}" y1="{y + 1}" y2="{y + RowHeight - 1}"/>""");
        string verdict = row.Reached == true ? "" : $", target {row.TargetText}";
        string median = row.Measured[..row.Measured.IndexOf(" (", StringComparison.Ordinal)];
        Line(body, $"""<text x="{LabelWidth + PlotWidth + 8}" y="{middle + 4}">{median}{verdict}</text>""");
    }

    private static void Line(StringBuilder body, string text) => body.Append(text).Append('\n');
}
