using System.Xml.Linq;
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
        Assert.Equal([105, 420, 0, 0, 210, 420], widths);
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
