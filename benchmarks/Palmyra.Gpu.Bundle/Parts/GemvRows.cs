using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Driver;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>Products of one row: bytes of weights read a second, as a share of the copy bandwidth of the same round.</summary>
internal static class GemvRows
{
    private static readonly MatrixFormat[] Formats = [MatrixFormat.BF16, MatrixFormat.F16, MatrixFormat.Q8, MatrixFormat.Q4, MatrixFormat.F32];

    /// <summary>A trial a shape and format.</summary>
    public static IEnumerable<Trial> Trials(SpeedStand stand)
    {
        foreach ((int outputs, int inputs) in stand.Sizes.Gemvs)
        {
            var numbers = new Lazy<WeightView>(
                () => WeightView.FromArray("weights", outputs, inputs, Numbers.Spread(1, checked(outputs * inputs), 0.05f)));
            foreach (MatrixFormat format in Formats)
            {
                string name = $"GEMV {outputs}x{inputs} {format}";
                yield return new Trial("gemv", name, () => Measure(stand, name, numbers.Value, format));
            }
        }
    }

    private static IReadOnlyList<ResultRow> Measure(SpeedStand stand, string name, WeightView weights, MatrixFormat format)
    {
        IBackend backend = stand.Backend;
        var matrices = new List<Matrix>();
        try
        {
            long bytes = 0;
            while (bytes < stand.Sizes.WeightBytes || matrices.Count < 2)
            {
                matrices.Add(backend.LoadMatrix(weights, format));
                bytes += matrices[^1].Bytes;
            }

            using Tensor x = OpCases.Tensor(backend, 1, weights.Cols, Numbers.Spread(2, weights.Cols));
            using Tensor y = backend.Allocate(1, weights.Rows);
            void Pass()
            {
                foreach (Matrix matrix in matrices)
                {
                    backend.Linear(y, x, matrix, null, Activation.None, null);
                }
            }

            Func<double> replayed = Rounds.Recorded(stand.Driver, Pass, out GpuGraph recorded);
            using GpuGraph _ = recorded;
            double[][] found = Rounds.Interleave(stand.Sizes.Rounds, stand.Copy.Measure, replayed, Rounds.Of(stand.Driver, Pass));
            double[] shares = [.. found[1].Zip(found[0], (milliseconds, copy) => bytes / (milliseconds / 1e3) / copy)];
            double[] launched = [.. found[2].Zip(found[0], (milliseconds, copy) => bytes / (milliseconds / 1e3) / copy)];
            return
            [
                new ResultRow("gemv", name)
                {
                    Values = shares,
                    Unit = "of copy bandwidth",
                    Facts =
                    [
                        ("launched one by one", Evaluation.Speed.SpeedResult.Median(launched)),
                        ("GB/s", Evaluation.Speed.SpeedResult.Median(found[1].Select(milliseconds => bytes / milliseconds / 1e6))),
                        ("us each", Evaluation.Speed.SpeedResult.Median(found[1]) * 1e3 / matrices.Count),
                        ("matrices", matrices.Count),
                    ],
                    Note = "recorded as a graph",
                },
            ];
        }
        finally
        {
            matrices.ForEach(matrix => matrix.Dispose());
        }
    }
}
