using Palmyra.Evaluation;
using Palmyra.Evaluation.Reports;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Tests.Evaluation.Reports;

/// <summary>A report with everything a report can hold; numbers are of no model.</summary>
internal static class SampleReport
{
    public const string HostileName = "a|b\n# <script>alert(\"1\")</script> & `c` *d* [e](f) \u202e\u0001";

    public static readonly string Sum = new('a', 64);

    public static EvaluationReport Full => new(
    [
        new ModelResults(
            new ModelDescription
            {
                Name = "first",
                Where = "cpu, F16 weights",
                Digest = "0123",
                Weights = "f16",
                Settings = "split by \\w",
                Parameters = 6_053_381_344,
                TrainingTokens = 402.13e9,
                IsPublic = true,
                DatasetGigabytes = 825,
                TrainingFlopsPerToken = new Dictionary<string, double> { ["6ND"] = 6.0 * 6_053_381_344, ["PaLM"] = 3.914e10 },
            },
            [
                Lambada(0.6827, 4.1026) with { ItemsCut = 12 },
                Choices("winogrande", "Winogrande", 0.5, ("acc", 0.641)),
                Choices("hellaswag", "HellaSwag", 0.25, ("acc", 0.4954), ("acc_norm", 0.6624), ("acc_bytes", 0.66)),
                Choices("piqa", "PIQA", 0.5, ("acc", 0.7078), ("acc_norm", 0.7051)),
                Wikitext(23.456789),
            ]),
        new ModelResults(
            new ModelDescription { Name = HostileName, Where = "an API" },
            [Lambada(0, double.PositiveInfinity) with { Limit = 100, Items = 100, Run = null, DataKnownAs = null }]),
    ]);

    public static TaskResult Lambada(double accuracy, double perplexity) => new()
    {
        Task = "lambada_openai",
        Title = "LAMBADA",
        Protocol = "today",
        Items = 5153,
        DataName = "lambada_test.jsonl",
        DataSha256 = Sum,
        DataKnownAs = "LAMBADA test set as OpenAI processed it",
        Metrics = [new MetricValue("perplexity", perplexity, 0.1 + 0.2), new MetricValue("acc", accuracy, 0.0065)],
        Run = new RunFacts(new DateTimeOffset(2026, 1, 31, 12, 30, 15, 250, TimeSpan.Zero), 12.345678901234567, 123_456_789_012, "cpu (AVX-512, 2 threads)"),
    };

    public static TaskResult Choices(string task, string title, double chance, params (string Name, double Value)[] metrics) =>
        Lambada(0, 1) with
        {
            Task = task,
            Title = title,
            Chance = chance,
            Metrics = [.. metrics.Select(metric => new MetricValue(metric.Name, metric.Value, 1.0 / 3 / 64))],
        };

    public static EvaluationReport One(ModelDescription model, params TaskResult[] tasks) => new([new ModelResults(model, tasks)]);

    private static TaskResult Wikitext(double perplexity) => Lambada(0, 1) with
    {
        Task = "wikitext",
        Title = "WikiText-2",
        Protocol = "today",
        Metrics = [new MetricValue("word_perplexity", perplexity, null), new MetricValue("bits_per_byte", 0.9, null)],
    };
}
