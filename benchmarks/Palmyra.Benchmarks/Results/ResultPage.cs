using System.Globalization;
using System.Text;

namespace Palmyra.Benchmarks.Results;

/// <summary>The generated part of the results page: machine and tables, from result files.</summary>
internal static class ResultPage
{
    private const string Begin = "<!-- results: written by tools/measure, do not edit -->";
    private const string End = "<!-- end of results -->";

    /// <summary>Puts the tables of <paramref name="files"/> between the page's two markers.</summary>
    /// <param name="page">The page.</param>
    /// <param name="files">Results.</param>
    /// <param name="chart">Path of the chart as the page refers to it, or null.</param>
    public static string Fill(string page, IReadOnlyList<ResultFile> files, string? chart)
    {
        int begin = page.IndexOf(Begin, StringComparison.Ordinal);
        int end = page.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
        {
            throw new InvalidDataException($"The page was expected to have the lines '{Begin}' and '{End}', in this order.");
        }

        var body = new StringBuilder();
        if (chart is not null)
        {
            Line(body, "");
            Line(body, $"![Measured speeds beside their targets]({chart})");
        }

        foreach (ResultFile file in files)
        {
            Write(body, file);
        }

        return $"{page[..(begin + Begin.Length)]}\n{body}\n{page[end..]}";
    }

    private static void Write(StringBuilder body, ResultFile file)
    {
        Machine machine = file.Machine;
        ResultRow[] aimed = [.. file.Rows.Where(row => row.Target is not null)];
        Line(body, "");
        Line(body, $"## {file.Title}");
        Line(body, "");
        Line(body, $"{machine.Processor}, {machine.Cores} processors, {machine.Vectors}-bit vectors; {machine.System}; {machine.Runtime};");
        Line(body, $"commit {machine.Commit}; {machine.Date}.");
        if (machine.Load is double load)
        {
            string warning = machine.IsBusy
                ? ": others were using the machine, so spreads are wide and peers whose threads wait for each other suffer most"
                : "";
            Line(body, string.Create(CultureInfo.InvariantCulture, $"Processors that others kept busy before: {load:F1}{warning}."));
        }

        Line(body, $"{aimed.Count(row => row.Reached == true)} of {aimed.Length} targets reached.");
        Table(body, "Targets", aimed);
        foreach (IGrouping<string, ResultRow> layer in file.Rows.Where(row => row.Target is null).GroupBy(row => row.Layer))
        {
            Table(body, $"Without target: {layer.Key}", [.. layer]);
        }
    }

    private static void Table(StringBuilder body, string head, ResultRow[] rows)
    {
        if (rows.Length == 0)
        {
            return;
        }

        Line(body, "");
        Line(body, $"### {head}");
        Line(body, "");
        Line(body, "| what | threads | median (lowest to highest) | of | to the limit | target | reached | figures |");
        Line(body, "|---|---|---|---|---|---|---|---|");
        foreach (ResultRow row in rows)
        {
            string gap = row.Measure == Measure.Share && row.Values.Length > 0
                ? (100 * Math.Max(0, 1 - row.Median)).ToString("F0", CultureInfo.InvariantCulture) + " %"
                : "";
            string note = row.Note.Replace("|", "/", StringComparison.Ordinal);
            Line(body, $"| {row.Name} | {row.Threads} | {row.Measured} | {row.Of} | {gap} | {row.TargetText} | {row.Verdict} | {note} |");
        }
    }

    private static void Line(StringBuilder body, string text) => body.Append(text).Append('\n');
}
