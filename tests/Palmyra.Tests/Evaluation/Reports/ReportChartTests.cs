using System.Xml.Linq;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Reports;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Tests.Evaluation.Reports;

public sealed class ReportChartTests
{
    [Fact]
    public void A_chart_is_well_formed_and_has_a_bar_for_every_value()
    {
        XElement chart = XDocument.Parse(ReportChart.Draw(SampleReport.Full)).Root!;
        Assert.Equal("img", chart.Attribute("role")?.Value);
        Assert.StartsWith("Evaluation results of first, a|b", chart.Attribute("aria-label")?.Value, StringComparison.Ordinal);
        Assert.Equal(chart.Attribute("aria-label")?.Value, Elements(chart, "title").First().Value);

        // acc_bytes and bits a byte have none; the other bars without a title are the legend's.
        int values = SampleReport.Full.Models.Sum(model => model.Tasks.Sum(task => task.Metrics.Count(metric => metric.Name is not ("acc_bytes" or "bits_per_byte"))));
        XElement[] bars = [.. Elements(chart, "rect").Where(bar => Elements(bar, "title").Any())];
        Assert.Equal(values, bars.Length);
        Assert.Equal(2, Elements(chart, "rect").Count() - bars.Length);
        Assert.Contains(bars, bar => Elements(bar, "title").Single().Value.StartsWith("a|b # <script>alert(\"1\")</script>", StringComparison.Ordinal));
        Assert.Equal(5, Elements(chart, "line").Count(line => line.Attribute("class")?.Value == "chance"));
        Assert.DoesNotContain("<script", ReportChart.Draw(SampleReport.Full), StringComparison.Ordinal);
    }

    [Fact]
    public void Bars_are_as_long_as_their_values()
    {
        var model = new ModelDescription { Name = "m", Where = "w" };
        XElement chart = XDocument.Parse(ReportChart.Draw(SampleReport.One(
            model,
            SampleReport.Choices("a", "A", 0.5, ("acc", 0.25)),
            SampleReport.Choices("b", "B", 0.5, ("acc", 1)),
            SampleReport.Lambada(0, 10),
            SampleReport.Lambada(0, 100) with { Task = "c" }))).Root!;
        double[] widths = [.. Elements(chart, "rect")
            .Where(bar => Elements(bar, "title").Any())
            .Select(bar => double.Parse(bar.Attribute("width")!.Value, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal([105, 420, 1.5, 1.5, 210, 420], widths);
    }

    [Fact]
    public void Ticks_stay_apart_however_large_a_perplexity_is()
    {
        foreach (double perplexity in new[] { 1e5, 1e8, 1e12, 1e300 })
        {
            XElement chart = XDocument.Parse(ReportChart.Draw(SampleReport.One(
                new ModelDescription { Name = "m", Where = "w" }, SampleReport.Lambada(0.5, perplexity)))).Root!;
            (double At, string Text)[] ticks = [.. Elements(chart, "text")
                .Where(text => text.Attribute("text-anchor")?.Value == "middle" && !text.Value.EndsWith('%'))
                .Select(text => (double.Parse(text.Attribute("x")!.Value, System.Globalization.CultureInfo.InvariantCulture), text.Value))];
            Assert.InRange(ticks.Length, 2, 9);
            Assert.All(ticks.Zip(ticks.Skip(1)), pair =>
                Assert.True(pair.Second.At - pair.First.At > 8.0 * (pair.First.Text.Length + pair.Second.Text.Length) / 2, $"{pair}"));
        }

        string drawn = ReportChart.Draw(SampleReport.One(new ModelDescription { Name = "m", Where = "w" }, SampleReport.Lambada(0.5, 1e5)));
        Assert.Contains(">1,000</text>", drawn, StringComparison.Ordinal);
        Assert.Contains(">1e4</text>", drawn, StringComparison.Ordinal);
    }

    /// <summary>Also where names are so long that they are cut.</summary>
    [Fact]
    public void Rows_of_one_name_are_told_apart_in_the_legend()
    {
        string name = new('x', 200);
        var model = new ModelDescription { Name = name, Where = "w" };
        TaskResult task = SampleReport.Lambada(0.5, 8);
        XElement chart = XDocument.Parse(ReportChart.Draw(SampleReport.One(model, task, task with { Protocol = "2021" }))).Root!;
        string[] legend = [.. Elements(chart, "g").Select(line => line.Value.Trim())];
        Assert.Equal(2, legend.Length);
        Assert.EndsWith("x… (today, 0-shot)", legend[0], StringComparison.Ordinal);
        Assert.EndsWith("x… (2021, 0-shot)", legend[1], StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_report_and_odd_numbers_make_a_chart()
    {
        _ = XDocument.Parse(ReportChart.Draw(new EvaluationReport([])));
        foreach (double value in new[] { 0, 0.5, 1, double.NaN, double.PositiveInfinity, 1e300 })
        {
            string chart = ReportChart.Draw(SampleReport.One(
                new ModelDescription { Name = new string('x', 10_000), Where = "w" }, SampleReport.Lambada(0.5, value)));
            _ = XDocument.Parse(chart);
            Assert.DoesNotContain("=\"NaN", chart, StringComparison.Ordinal);
            Assert.DoesNotContain("=\"∞", chart, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_same_report_gives_the_same_bytes() =>
        Assert.Equal(ReportChart.Draw(SampleReport.Full), ReportChart.Draw(SampleReport.Full));

    private static IEnumerable<XElement> Elements(XElement parent, string name) => parent.Descendants().Where(element => element.Name.LocalName == name);
}
