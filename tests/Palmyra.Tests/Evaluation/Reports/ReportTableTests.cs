using Palmyra.Evaluation;
using Palmyra.Evaluation.Reports;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Tests.Evaluation.Reports;

public sealed class ReportTableTests
{
    private static readonly ModelDescription Nobody = new() { Name = "m", Where = "w" };

    [Fact]
    public void The_cards_table_has_its_columns_chance_first_and_the_better_metric()
    {
        string[] lines = ReportTable.Card(SampleReport.Full).Split('\n');
        Assert.Equal(
            "| Model | Public | Training FLOPs | LAMBADA PPL ↓ | LAMBADA Acc ↑ | Winogrande ↑ | HellaSwag ↑ | PIQA ↑ | Dataset Size (GB) | WikiText-2 word_perplexity ↓ |",
            lines[0]);
        Assert.Equal("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|", lines[1]);
        Assert.Equal("| Random chance | – | – | – | – | 50.00 % | 25.00 % | 50.00 % | – | – |", lines[2]);
        Assert.Equal("| first | yes | 1.5e22 | 4.103 | 68.27 % | 64.10 % | 66.24 % (acc_norm) | 70.78 % (acc) | 825 | 23.46 |", lines[3]);
        Assert.EndsWith("| unknown | unknown | ∞ (100 items, own data) | 0.00 % (100 items, own data) | – | – | – | unknown | – |", lines[4], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains("the better of acc and acc_norm", StringComparison.Ordinal));
    }

    /// <summary>N and D of each row of the table in GPT-J's card give its value. GPT-Neo 2.7B's is that of its rounded N.</summary>
    [Theory]
    [InlineData(6.053e9, 402.13e9, "1.5e22")]
    [InlineData(1.316e9, 380e9, "3.0e21")]
    [InlineData(2.7e9, 420e9, "6.8e21")]
    [InlineData(2.5e9, 157.3e9, "2.4e21")]
    [InlineData(8.3e9, 157.3e9, "7.8e21")]
    [InlineData(11e9, 157.3e9, "1.0e22")]
    [InlineData(1.32e9, 300e9, "2.4e21")]
    [InlineData(2.65e9, 300e9, "4.8e21")]
    [InlineData(6.66e9, 300e9, "1.2e22")]
    [InlineData(12.85e9, 300e9, "2.3e22")]
    [InlineData(174.6e9, 300e9, "3.1e23")]
    [InlineData(1e9, 1.6658e9, "1.0e19")]
    public void Training_flops_are_those_of_the_card(double parameters, double tokens, string expected)
    {
        ModelDescription model = Nobody with { Parameters = (long)parameters, TrainingTokens = tokens };
        Assert.Contains($"| m | unknown | {expected} |", ReportTable.Card(SampleReport.One(model)), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_known_is_unknown_and_what_was_not_run_is_a_dash()
    {
        Assert.Contains("| m | unknown | unknown | – | – | – | – | – | unknown |", ReportTable.Card(SampleReport.One(Nobody)), StringComparison.Ordinal);
        Assert.Contains("| m | no | unknown |", ReportTable.Card(SampleReport.One(Nobody with { IsPublic = false, Parameters = 5 })), StringComparison.Ordinal);
        Assert.Equal("No task was run.\n", ReportTable.Full(SampleReport.One(Nobody)));
    }

    [Fact]
    public void A_model_measured_in_several_ways_has_a_row_for_each()
    {
        TaskResult task = SampleReport.Lambada(0.5, 8);
        string table = ReportTable.Card(SampleReport.One(Nobody, task, task with { Protocol = "2021" }, task with { FewShot = 5 }));
        Assert.Contains("| m (today, 0-shot) |", table, StringComparison.Ordinal);
        Assert.Contains("| m (2021, 0-shot) |", table, StringComparison.Ordinal);
        Assert.Contains("| m (today, 5-shot) |", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_of_other_data_than_the_published_are_marked()
    {
        TaskResult own = SampleReport.Choices("piqa", "PIQA", 0.5, ("acc", 0.5)) with { DataKnownAs = null };
        string table = ReportTable.Card(SampleReport.One(Nobody, own));
        Assert.Contains("| 50.00 % (acc, own data) |", table, StringComparison.Ordinal);
        Assert.Contains("not the published one", table, StringComparison.Ordinal);
        string known = ReportTable.Card(SampleReport.One(Nobody, own with { DataKnownAs = "it" }, own with { Task = "custom" }));
        Assert.DoesNotContain("own data", known, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_models_of_one_name_say_where_they_ran()
    {
        TaskResult task = SampleReport.Lambada(0.5, 8);
        var report = new EvaluationReport([new ModelResults(Nobody, [task]), new ModelResults(Nobody with { Where = "cpu, Q4 weights" }, [task])]);
        Assert.Contains("| m (cpu, Q4 weights) |", ReportTable.Card(report), StringComparison.Ordinal);
        Assert.Contains("| m (cpu, Q4 weights) |", ReportTable.Full(report), StringComparison.Ordinal);
    }

    [Fact]
    public void The_full_table_says_how_each_number_came_about()
    {
        string table = ReportTable.Full(SampleReport.Full);
        Assert.Contains(
            "| first | HellaSwag | acc_norm | 66.24 % ± 0.52 | 5,153 | today | 0 | lambada_test.jsonl | aaaaaaaaaaaa | LAMBADA test set as OpenAI processed it |",
            table,
            StringComparison.Ordinal);
        Assert.Contains("| first | WikiText-2 | word_perplexity | 23.46 | 5,153 |", table, StringComparison.Ordinal);
        Assert.Contains("| 100 (limited) | today | 0 | lambada_test.jsonl | aaaaaaaaaaaa | not a known file |", table, StringComparison.Ordinal);
        Assert.Contains("| first | 4.02e11 | 1.46e22 | 1.57e22 |", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Flops_of_unknown_training_are_a_tokens()
    {
        ModelDescription model = Nobody with { TrainingFlopsPerToken = new Dictionary<string, double> { ["6ND"] = 2.5e7 } };
        Assert.Contains("| m | unknown | 2.50e7 a token |", ReportTable.Full(SampleReport.One(model)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_hostile_name_stays_in_its_cell()
    {
        foreach (string table in new[] { ReportTable.Card(SampleReport.Full), ReportTable.Full(SampleReport.Full) })
        {
            string line = table.Split('\n').Single(row => row.Contains("alert", StringComparison.Ordinal) && row.Contains("∞", StringComparison.Ordinal));
            Assert.StartsWith("| a\\|b \\# &lt;script&gt;alert(\"1\")&lt;/script&gt; &amp; \\`c\\` \\*d\\* \\[e\\](f) |", line, StringComparison.Ordinal);
            Assert.DoesNotContain("<script", table, StringComparison.Ordinal);
            Assert.DoesNotContain('\u202e', table);
        }
    }

    [Theory]
    [InlineData(1.00049, "1.000")]
    [InlineData(9.9996, "10.00")]
    [InlineData(48.94, "48.94")]
    [InlineData(99.996, "100.0")]
    [InlineData(999.96, "1,000")]
    [InlineData(123456.7, "123,457")]
    [InlineData(12345678, "1.23e7")]
    [InlineData(double.NaN, "not a number")]
    public void Perplexities_have_four_digits(double perplexity, string expected) => Assert.Contains(
        $"| unknown | {expected} | 50.00 % |",
        ReportTable.Card(SampleReport.One(Nobody, SampleReport.Lambada(0.5, perplexity))),
        StringComparison.Ordinal);
}
