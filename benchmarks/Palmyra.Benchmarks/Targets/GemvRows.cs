using System.Globalization;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Benchmarks.Results;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;

namespace Palmyra.Benchmarks.Targets;

/// <summary>Products of few rows with weights that come from memory: bytes of weights a second, against what the machine reads in the same round.</summary>
internal static class GemvRows
{
    private const double Target = 0.95;

    /// <summary>Measures every format on every named shape at one row, and small batches on the shape that the target is stated for.</summary>
    public static IEnumerable<ResultRow> Measure(TargetOptions options)
    {
        foreach (NamedShape shape in NamedShape.All)
        {
            int[] rows = shape == NamedShape.GptJUp ? [1, 2, 4, 8, 16] : [1];
            float[] weights = RandomNumbers.Fill(shape.Count, scale: 0.04f);
            foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
            {
                foreach (ResultRow row in Measure(options, shape, format, weights, rows))
                {
                    yield return row;
                }
            }
        }
    }

    private static IEnumerable<ResultRow> Measure(TargetOptions options, NamedShape shape, MatrixFormat format, float[] weights, int[] rows)
    {
        // A matrix belongs to no backend's threads: one set of copies serves all.
        using var loader = new CpuBackend();
        WeightCopies copies;
        try
        {
            copies = new WeightCopies(loader, shape, format, weights);
        }
        catch (BackendException error)
        {
            return [.. options.Threads.Select(threads => Row(shape, format, 1, threads) with { Note = $"not supported: {error.Message}" })];
        }

        using (copies)
        {
            return [.. options.Threads.SelectMany(threads => Measure(options.Rounds, shape, format, copies, rows, threads))];
        }
    }

    private static IEnumerable<ResultRow> Measure(int rounds, NamedShape shape, MatrixFormat format, WeightCopies copies, int[] rows, int threads)
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = threads });
        var measurements = new List<Func<double>> { () => MachineLimits.ReadBandwidth(threads) };
        var tensors = new List<Tensor>();
        foreach (int count in rows)
        {
            Tensor x = backend.Allocate(count, shape.Inputs);
            Tensor y = backend.Allocate(count, shape.Outputs);
            tensors.AddRange([x, y]);
            backend.Write(x, RandomNumbers.Fill(count * shape.Inputs, scale: 1));
            measurements.Add(() => copies.Bytes / 1e9 / Timing.Best(() =>
            {
                for (int i = 0; i < copies.Count; i++)
                {
                    backend.Linear(y, x, copies.Next(), bias: null, Activation.None, residual: null);
                }
            }));
        }

        double[][] found = Timing.Interleave(rounds, measurements);
        tensors.ForEach(tensor => tensor.Dispose());
        return rows.Select((count, i) => Row(shape, format, count, threads) with
        {
            Values = [.. found[i + 1].Zip(found[0], (rate, limit) => rate / limit)],
            Note = string.Create(
                CultureInfo.InvariantCulture,
                $"{SpeedResult.Median(found[i + 1]):F1} of {SpeedResult.Median(found[0]):F1} GB/s"),
        });
    }

    private static ResultRow Row(NamedShape shape, MatrixFormat format, int rows, int threads) => new()
    {
        Layer = "kernel",
        Name = $"GEMV {shape}, {format}, {rows} row{(rows == 1 ? "" : "s")}",
        Threads = threads,
        Measure = Results.Measure.Share,
        Of = "read bandwidth",
        Target = rows == 1 && shape == NamedShape.GptJUp ? Target : null,
    };
}
