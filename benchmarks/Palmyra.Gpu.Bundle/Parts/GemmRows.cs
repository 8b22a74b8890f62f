using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>Products of many rows, the rounding of their inputs included: operations a second.</summary>
internal static class GemmRows
{
    private static readonly MatrixFormat[] Formats = [MatrixFormat.BF16, MatrixFormat.F16, MatrixFormat.Q8, MatrixFormat.Q4];

    /// <summary>A trial a format and number of rows.</summary>
    public static IEnumerable<Trial> Trials(SpeedStand stand)
    {
        (int inputs, int outputs) = stand.Sizes.Gemm;
        var numbers = new Lazy<WeightView>(
            () => WeightView.FromArray("weights", outputs, inputs, Numbers.Spread(1, checked(outputs * inputs), 0.05f)));
        foreach (MatrixFormat format in Formats)
        {
            foreach (int rows in stand.Sizes.GemmRows)
            {
                string name = $"GEMM {rows} rows {inputs} -> {outputs} {format}";
                yield return new Trial("gemm", name, () => [Measure(stand, name, rows, numbers.Value, format)]);
            }
        }
    }

    private static ResultRow Measure(SpeedStand stand, string name, int rows, WeightView weights, MatrixFormat format)
    {
        IBackend backend = stand.Backend;
        using Matrix matrix = backend.LoadMatrix(weights, format);
        using Tensor x = OpCases.Tensor(backend, rows, weights.Cols, Numbers.Spread(2, rows * weights.Cols));
        using Tensor y = backend.Allocate(rows, weights.Rows);
        double[] found = Rounds.Interleave(
            stand.Sizes.Rounds, Rounds.Of(stand.Driver, () => backend.Linear(y, x, matrix, null, Activation.None, null)))[0];
        double operations = 2.0 * rows * weights.Rows * weights.Cols;
        return new ResultRow("gemm", name)
        {
            Values = [.. found.Select(milliseconds => operations / milliseconds / 1e9)],
            Unit = "TFLOP/s",
            Facts = [("us each", Evaluation.Speed.SpeedResult.Median(found) * 1e3)],
        };
    }
}
