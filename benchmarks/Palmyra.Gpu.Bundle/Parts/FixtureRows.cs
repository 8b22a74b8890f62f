using Palmyra.Backends;
using Palmyra.Evaluation.Replay;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>The fixture models, replayed against what transformers gave: a row a model, with its worst section.</summary>
internal static class FixtureRows
{
    // One of each family.
    private static readonly string[] Few = ["gpt2", "gpt-neo", "gptj"];

    /// <summary>Runs them.</summary>
    public static IEnumerable<ResultRow> Measure(Bench bench)
    {
        string models = FolderOf(bench.Options);
        string[] names = Directory.Exists(models) ? [.. Directory.GetDirectories(models).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)] : [];
        if (names.Length == 0)
        {
            yield return new ResultRow("fixture", "none") { Passed = false, Note = $"no models were found in {models}" };
        }

        foreach (string name in names.Where(bench.Options.Wants).Where(name => !bench.Options.Quick || Few.Contains(name)))
        {
            yield return Replay(bench, name, Path.Combine(models, name));
        }
    }

    // In a clone there is no folder beside the program, and nothing is copied for it: the fixtures are the tests' own.
    private static string FolderOf(BundleOptions options)
    {
        string beside = Path.Combine(AppContext.BaseDirectory, "models");
        return options.Models ?? (Directory.Exists(beside) ? beside : Testing.Fixtures.Path("models"));
    }

    private static ResultRow Replay(Bench bench, string name, string path)
    {
        try
        {
            using LanguageModel model = LanguageModel.Open(
                path, new LanguageModelOptions { Backend = bench.Backend(bench.Open(), GemmPrecision.Exact), Format = MatrixFormat.F32 });
            VerificationReport report = Verification.Run(model.Transformer, path);
            VerificationSection worst = report.Sections.MaxBy(section =>
                section.LargestDifference == 0 ? 0 : double.IsNaN(section.LargestDifference) ? double.PositiveInfinity : section.LargestDifference / section.Bound)!;
            return new ResultRow("fixture", $"{name} F32")
            {
                Values = [worst.LargestDifference],
                Unit = "difference",
                Bound = worst.Bound,
                Passed = report.Passed,
                Facts = [("sections", report.Sections.Count), ("failed", report.Sections.Count(section => !section.Passed))],
                Note = $"worst: {worst.Name}",
            };
        }
        catch (Exception failure)
        {
            return ResultRow.Failed("fixture", name, failure);
        }
    }
}
