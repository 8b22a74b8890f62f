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
        Assert.EndsWith("| unknown | unknown | ∞ (100 items, unverified data) | 0.00 % (100 items, unverified data) | – | – | – | unknown | – |", lines[4], StringComparison.Ordinal);
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
    public void Rows_of_one_name_have_names_of_their_own_whatever_they_differ_in()
    {
        TaskResult task = SampleReport.Lambada(0.5, 8);
        ModelDescription first = Nobody with { Weights = "f16", Digest = "0123456789", Where = "cpu, F16 weights" };
        AssertNames(["m (today, 0-shot)", "m (2021, 0-shot)"], (first, task), (first, task with { Protocol = "2021" }));
        AssertNames(["m (today, 0-shot)", "m (today, 3-shot)"], (first, task), (first, task with { FewShot = 3 }));
        AssertNames(["m (f16 weights)", "m (q4 weights)"], (first, task), (first with { Weights = "q4", Where = "cpu, Q4 weights" }, task));
        AssertNames(["m (cpu, F16 weights)", "m (gpu)"], (first, task), (first with { Where = "gpu" }, task));
        AssertNames(["m (01234567)", "m (abcdef)"], (first, task), (first with { Digest = "abcdef" }, task));
        AssertNames(["m (no. 1)", "m (no. 2)"], (first, task), (first, task));
        AssertNames(
            ["m (today, 0-shot, f16 weights, no. 1)", "m (2021, 0-shot, f16 weights)", "m (today, 0-shot, q4 weights)", "m (today, 0-shot, f16 weights, no. 2)", "n"],
            (first, task), (first, task with { Protocol = "2021" }), (first with { Weights = "q4" }, task), (first, task), (first with { Name = "n" }, task));
    }

    [Fact]
    public void Names_that_look_alike_are_told_apart()
    {
        TaskResult task = SampleReport.Lambada(0.5, 8);
        string table = ReportTable.Card(new EvaluationReport(
            [new ModelResults(Nobody, [task]), new ModelResults(Nobody with { Name = "m\u202e" }, [task with { Protocol = "2021" }])]));
        Assert.Contains("| m (today, 0-shot) |", table, StringComparison.Ordinal);
        Assert.Contains("(2021, 0-shot) |", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_runs_of_one_model_on_different_tasks_are_one_row()
    {
        ModelDescription model = Nobody with { Digest = "0123" };
        TaskResult piqa = SampleReport.Choices("piqa", "PIQA", 0.5, ("acc", 0.25));
        var report = new EvaluationReport([new ModelResults(model, [SampleReport.Lambada(0.5, 8)]), new ModelResults(model, [piqa])]);
        string table = ReportTable.Card(report);
        Assert.Contains("| m | unknown | unknown | 8.000 | 50.00 % | – | – | 25.00 % (acc) | unknown |\n", table, StringComparison.Ordinal);

        // Of other weights, or of weights nobody can tell from others, they are two.
        foreach (ModelDescription other in new[] { model with { Digest = "4567" }, model with { Digest = null }, model with { Settings = "s" } })
        {
            report = new EvaluationReport([report.Models[0], new ModelResults(other, [piqa])]);
            Assert.Contains("| 8.000 | 50.00 % | – | – | – | unknown |\n", ReportTable.Card(report), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Protocols_and_examples_are_told_below_the_cards_table()
    {
        TaskResult task = SampleReport.Lambada(0.5, 8);
        string table = ReportTable.Card(SampleReport.One(Nobody, task));
        Assert.Contains(
            "\nProtocol: today (lm-evaluation-harness since June 2023: context and continuation encoded together, all logits), 0-shot.\n",
            table,
            StringComparison.Ordinal);
        table = ReportTable.Card(SampleReport.One(Nobody, task, task with { FewShot = 3 }, task with { Protocol = "my|own" }));
        Assert.Contains("\nProtocols: today (", table, StringComparison.Ordinal);
        Assert.Contains("all logits), 0-shot and 3-shot; my\\|own, 0-shot.\n", table, StringComparison.Ordinal);
        Assert.DoesNotContain("Protocol", ReportTable.Card(SampleReport.One(Nobody)), StringComparison.Ordinal);
    }

    [Fact]
    public void Items_whose_context_was_cut_are_told()
    {
        TaskResult task = SampleReport.Lambada(0.5, 8) with { Items = 10_042, ItemsCut = 12 };
        Assert.Contains("| 10,042 (12 cut) |", ReportTable.Full(SampleReport.One(Nobody, task)), StringComparison.Ordinal);
        Assert.Contains("| 10,042 (limited, 12 cut) |", ReportTable.Full(SampleReport.One(Nobody, task with { Limit = 20_000 })), StringComparison.Ordinal);
        Assert.Contains("lost their beginning", ReportTable.Card(SampleReport.One(Nobody, task)), StringComparison.Ordinal);
        Assert.DoesNotContain("lost their beginning", ReportTable.Card(SampleReport.One(Nobody, task with { ItemsCut = 0 })), StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_of_other_data_than_the_published_are_marked()
    {
        TaskResult own = SampleReport.Choices("piqa", "PIQA", 0.5, ("acc", 0.5)) with { DataKnownAs = null };
        string table = ReportTable.Card(SampleReport.One(Nobody, own));
        Assert.Contains("| 50.00 % (acc, unverified data) |", table, StringComparison.Ordinal);
        Assert.Contains("whose checksum is none that is known here", table, StringComparison.Ordinal);
        string known = ReportTable.Card(SampleReport.One(Nobody, own with { DataKnownAs = "it" }, own with { Task = "custom" }));
        Assert.DoesNotContain("unverified data", known, StringComparison.Ordinal);
        string derived = ReportTable.Card(SampleReport.One(Nobody, own with { DataKnownAs = "it", DataIsDerived = true }));
        Assert.Contains("| 50.00 % (acc, derived data) |", derived, StringComparison.Ordinal);
        Assert.Contains("somebody made from the published one", derived, StringComparison.Ordinal);
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

    // The names stand in every table and in the chart.
    private static void AssertNames(string[] names, params (ModelDescription Model, TaskResult Task)[] rows)
    {
        var flops = new Dictionary<string, double> { ["6ND"] = 2.5e7 };
        var report = new EvaluationReport([.. rows.Select(row => new ModelResults(row.Model with { TrainingFlopsPerToken = flops }, [row.Task]))]);
        Assert.Equal(names, Starts(ReportTable.Card(report)));

        // Two metrics each, then the table of training FLOPs.
        Assert.Equal([.. names.SelectMany(name => new[] { name, name }), .. names], Starts(ReportTable.Full(report)));
        string chart = ReportChart.Draw(report);
        Assert.All(names, name => Assert.Contains($">{name}</text></g>", chart, StringComparison.Ordinal));
        static IEnumerable<string> Starts(string table) => table.Split('\n')
            .Where(line => line.StartsWith("| m", StringComparison.Ordinal) || line.StartsWith("| n", StringComparison.Ordinal))
            .Select(line => line.Split(" | ")[0][2..]);
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
