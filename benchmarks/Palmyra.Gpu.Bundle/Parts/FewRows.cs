using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>
/// Products of so many rows that one kernel takes over from another, by every kernel that could make them: bytes of weights a second, each counted
/// once, as a share of the copy bandwidth of the same round. GemmPlan and TiledLinear choose by what was counted; here it is measured.
/// </summary>
internal static class FewRows
{
    // Inputs rounded to brain floats differ by up to 2^-8, and half of that on average.
    private const double MostDifference = 1.0 / 256;

    private static readonly MatrixFormat[] Formats = [MatrixFormat.BF16, MatrixFormat.Q8, MatrixFormat.Q4, MatrixFormat.F32];

    /// <summary>A trial a shape and format, with a row for each number of rows and kernel.</summary>
    public static IEnumerable<Trial> Trials(SpeedStand stand)
    {
        foreach ((int outputs, int inputs) in stand.Sizes.Few)
        {
            var numbers = new Lazy<WeightView>(
                () => WeightView.FromArray("weights", outputs, inputs, Numbers.Spread(1, checked(outputs * inputs), 0.05f)));
            foreach (MatrixFormat format in Formats)
            {
                string name = $"few rows {outputs}x{inputs} {format}";
                yield return new Trial("few", name, () => Measure(stand, name, numbers.Value, format));
            }
        }
    }

    private static IReadOnlyList<ResultRow> Measure(SpeedStand stand, string name, WeightView weights, MatrixFormat format)
    {
        IReadOnlyList<int> counts = format == MatrixFormat.F32 ? stand.Sizes.FloatRows : stand.Sizes.FewRows;
        using var products = new ProductStand(stand.Bench, weights, format, stand.Sizes.WeightBytes, counts.Max());
        int multiprocessors = products.Driver.Device.Multiprocessors;
        return [.. counts.SelectMany(rows => Measure(
            stand,
            products,
            $"{name} {rows}",
            rows,
            format == MatrixFormat.F32
                ? [("Gemv", products.Gemv(rows)), ("small tiles", products.Tiles<SmallFloatTile>(rows)), ("large tiles", products.Tiles<LargeFloatTile>(rows))]
                :
                [
                    ("Gemv", products.Gemv(rows)),
                    ("flat tiles", products.TensorCores<FlatTile>(rows, Splits(FlatTile.Rows))),
                    ("small tiles", products.TensorCores<SmallTile>(rows, Splits(FlatTile.Rows + 1))),
                ]))];

        // Those of the plan that has such tiles.
        int Splits(int rows) =>
            GemmPlan.For(new GemmShape(format, rows, weights.Rows, weights.Cols, GemmPrecision.Rounded), multiprocessors).Splits;
    }

    private static IReadOnlyList<ResultRow> Measure(
        SpeedStand stand, ProductStand products, string name, int rows, IReadOnlyList<(string Kernel, Action Pass)> kernels)
    {
        var graphs = new List<GpuGraph>();
        try
        {
            var measurements = new List<Func<double>> { stand.Copy.Measure };
            var results = new List<float[]>();
            foreach ((_, Action pass) in kernels)
            {
                measurements.Add(Rounds.Recorded(products.Driver, pass, out GpuGraph recorded));
                graphs.Add(recorded);
                results.Add(products.Results(rows));
            }

            double[][] found = Rounds.Interleave(stand.Sizes.Rounds, measurements);
            return [.. kernels.Select((kernel, i) => new ResultRow("few", $"{name} {kernel.Kernel}")
            {
                Values = [.. found[i + 1].Zip(found[0], (milliseconds, copy) => products.Bytes / (milliseconds / 1e3) / copy)],
                Unit = "of copy bandwidth",
                Passed = Difference(results[i], results[0]) <= MostDifference,
                Facts =
                [
                    ("us each", Evaluation.Speed.SpeedResult.Median(found[i + 1]) * 1e3 / products.Count),
                    ("matrices", products.Count),
                    ("difference from Gemv", Difference(results[i], results[0])),
                ],
                Note = "recorded as a graph",
            })];
        }
        finally
        {
            graphs.ForEach(graph => graph.Dispose());
        }
    }

    private static double Difference(float[] found, float[] expected) => Math.Sqrt(
        found.Zip(expected, (a, b) => Math.Pow(a - (double)b, 2)).Sum() / expected.Sum(value => (double)value * value));
}
