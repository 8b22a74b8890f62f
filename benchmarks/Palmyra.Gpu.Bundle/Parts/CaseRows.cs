using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>The operation cases beside the reference: a row a kind of operation, with its worst case.</summary>
internal static class CaseRows
{
    /// <summary>Runs them.</summary>
    /// <param name="bench">Where.</param>
    /// <param name="cases">All cases; fewer of them are run if the run is to be quick.</param>
    public static IEnumerable<ResultRow> Measure(Bench bench, IReadOnlyList<OpCase> cases)
    {
        foreach (GemmPrecision precision in Enum.GetValues<GemmPrecision>())
        {
            OpCase[] chosen = Choose(bench.Options, [.. cases.Where(test => precision == GemmPrecision.Rounded || GpuBounds.IsOnTensorCores(test))]);
            IBackend? gpu = null;
            ResultRow? unopened = null;
            try
            {
                // One backend for all of them, so that scratch memory of one case is there in the next, as in a long run.
                gpu = chosen.Length == 0 ? null : bench.Backend(bench.Open(), precision);
            }
            catch (Exception failure)
            {
                unopened = ResultRow.Failed("case", $"{precision} cases", failure);
            }

            if (unopened is not null)
            {
                yield return unopened;
                continue;
            }

            using var reference = new CheckedBackend(new ReferenceBackend());
            using (gpu)
            {
                foreach (IGrouping<string, OpCase> kind in chosen.GroupBy(KindOf))
                {
                    string name = precision == GemmPrecision.Exact ? $"{kind.Key} exact" : kind.Key;
                    yield return Worst(name, [.. kind.Select(test => Outcome.Of(test, precision, reference, gpu!))]);
                }
            }
        }
    }

    private static OpCase[] Choose(BundleOptions options, OpCase[] cases)
    {
        OpCase[] wanted = [.. cases.Where(test => options.Wants(test.Name))];

        // The first case of a kind is its smallest, the last takes kernels for many rows.
        return options.Quick
            ? [.. wanted.GroupBy(KindOf).SelectMany(kind => new[] { kind.First(), kind.Last() }.Distinct())]
            : wanted;
    }

    // The operation and, where there are any, the formats: "Linear Q8", "Attend F16".
    private static string KindOf(OpCase test)
    {
        string[] words = test.Name.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries);
        string? format = words.FirstOrDefault(word => Enum.GetNames<MatrixFormat>().Contains(word));
        return format is null ? words[0] : $"{words[0]} {format}";
    }

    private static ResultRow Worst(string name, IReadOnlyList<Outcome> outcomes)
    {
        Outcome worst = outcomes.MaxBy(outcome => outcome.Excess)!;
        int failed = outcomes.Count(outcome => !outcome.Passed);
        return new ResultRow("case", name)
        {
            Values = double.IsNaN(worst.Error) ? [] : [worst.Error],
            Unit = "squared error",
            Bound = worst.Bound,
            Passed = failed == 0,
            Facts = [("cases", outcomes.Count), ("failed", failed)],
            Note = $"worst: {worst.Name}{(worst.Message.Length > 0 ? $": {worst.Message}" : "")}",
        };
    }

    /// <summary>What a case gave; the error is NaN if it threw.</summary>
    private sealed record Outcome(string Name, double Error, double Bound, string Message)
    {
        public bool Passed => Error <= Bound;

        /// <summary>How far beyond its bound: 1 at it, infinite if it threw or if equality was missed.</summary>
        public double Excess => double.IsNaN(Error) ? double.PositiveInfinity : Error == 0 ? 0 : Error / Bound;

        public static Outcome Of(OpCase test, GemmPrecision precision, IBackend reference, IBackend gpu)
        {
            double bound = GpuBounds.Of(test, precision);
            try
            {
                return new Outcome(test.Name, Numbers.SquaredError(test.Run(reference), test.Run(gpu)), bound, "");
            }
            catch (Exception failure)
            {
                return new Outcome(test.Name, double.NaN, bound, failure.Message.ReplaceLineEndings(" "));
            }
        }
    }
}
