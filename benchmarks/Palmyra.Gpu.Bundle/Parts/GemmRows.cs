using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Driver;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>Products of many rows, the rounding of their inputs included: operations a second, by matrices that no cache holds.</summary>
internal static class GemmRows
{
    private static readonly MatrixFormat[] Formats = [MatrixFormat.BF16, MatrixFormat.F16, MatrixFormat.Q8, MatrixFormat.Q4];

    /// <summary>A trial a shape and format, with a row for each number of rows.</summary>
    public static IEnumerable<Trial> Trials(SpeedStand stand)
    {
        foreach ((int outputs, int inputs) in stand.Sizes.Gemms)
        {
            var numbers = new Lazy<WeightView>(
                () => WeightView.FromArray("weights", outputs, inputs, Numbers.Spread(1, checked(outputs * inputs), 0.05f)));
            foreach (MatrixFormat format in Formats)
            {
                string name = $"GEMM {inputs} -> {outputs} {format}";
                yield return new Trial("gemm", name, () => Measure(stand, name, numbers.Value, format));
            }
        }
    }

    private static IReadOnlyList<ResultRow> Measure(SpeedStand stand, string name, WeightView weights, MatrixFormat format)
    {
        IBackend backend = stand.Backend;
        var matrices = new List<Matrix>();
        try
        {
            while (matrices.Count < 2 || matrices.Count * matrices[0].Bytes < stand.Sizes.WeightBytes)
            {
                matrices.Add(backend.LoadMatrix(weights, format));
            }

            return [.. stand.Sizes.GemmRows.Select(rows => Measure(stand, name, rows, matrices))];
        }
        finally
        {
            matrices.ForEach(matrix => matrix.Dispose());
        }
    }

    private static ResultRow Measure(SpeedStand stand, string name, int rows, List<Matrix> matrices)
    {
        IBackend backend = stand.Backend;
        (int outputs, int inputs) = (matrices[0].Rows, matrices[0].Cols);
        using Tensor x = OpCases.Tensor(backend, rows, inputs, Numbers.Spread(2, rows * inputs));
        using Tensor y = backend.Allocate(rows, outputs);
        Func<double> measurement = Rounds.Recorded(
            stand.Driver, () => matrices.ForEach(matrix => backend.Linear(y, x, matrix, null, Activation.None, null)), out GpuGraph recorded);
        using GpuGraph _ = recorded;
        double[] found = Rounds.Interleave(stand.Sizes.Rounds, measurement)[0];
        double operations = 2.0 * rows * outputs * inputs * matrices.Count;
        return new ResultRow("gemm", $"{name} {rows} rows")
        {
            Values = [.. found.Select(milliseconds => operations / milliseconds / 1e9)],
            Unit = "TFLOP/s",
            Facts = [("us each", Evaluation.Speed.SpeedResult.Median(found) * 1e3 / matrices.Count), ("matrices", matrices.Count)],
            Note = "recorded as a graph",
        };
    }
}
