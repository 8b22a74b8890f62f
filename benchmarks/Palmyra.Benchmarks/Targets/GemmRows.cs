using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Benchmarks.Peers;
using Palmyra.Benchmarks.Results;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;

namespace Palmyra.Benchmarks.Targets;

/// <summary>Products of many rows: operations a second, against the arithmetic peak and against ONNX Runtime, all in the same rounds.</summary>
internal static class GemmRows
{
    private const int Rows = 512;
    private const double FloatBound = 1e-5;

    // Inputs become integers of at least 8 bits, each off by up to half a step of a 127th of its group's largest.
    private const double IntegerBound = 1e-2;

    /// <summary>Measures both shapes that targets are stated for.</summary>
    public static IEnumerable<ResultRow> Measure(TargetOptions options)
    {
        foreach (NamedShape shape in new[] { NamedShape.Gpt2Up, NamedShape.GptJUp })
        {
            float[] x = RandomNumbers.Fill(Rows * shape.Inputs, scale: 1);
            foreach (int threads in options.Threads)
            {
                using var contest = new Contest(shape, threads, x);
                foreach (ResultRow row in contest.Measure(options.Rounds))
                {
                    yield return row;
                }
            }
        }
    }

    /// <summary>Everything that is timed in the same rounds: one shape, one number of threads.</summary>
    private sealed class Contest : IDisposable
    {
        private readonly NamedShape _shape;
        private readonly int _threads;
        private readonly List<IDisposable> _owned = [];
        private readonly Dictionary<string, Func<double>> _measurements = [];
        private readonly Dictionary<string, string> _notes = [];

        public Contest(NamedShape shape, int threads, float[] x)
        {
            _shape = shape;
            _threads = threads;
            _measurements.Add("peak", () => MachineLimits.FmaPeak(threads));
            float[] floats = RandomNumbers.Fill(shape.Count, scale: 0.04f);
            AddPalmyra(MatrixFormat.F32, floats, x, FloatBound);
            AddPalmyra(MatrixFormat.F16, floats, x, bound: 1e-3);
            AddPalmyra(MatrixFormat.BF16, floats, x, bound: 1e-2);
            AddOnnx("ONNX F32", () => OnnxModel.Floats(shape, Rows, floats), floats, x, FloatBound);
            foreach (int bits in new[] { 8, 4 })
            {
                var weights = new GroupedWeights(shape, bits);
                float[] meant = weights.Floats();
                AddPalmyra(bits == 8 ? MatrixFormat.Q8 : MatrixFormat.Q4, meant, x, IntegerBound);
                AddOnnx($"ONNX Q{bits}", () => OnnxModel.Integers(Rows, weights), meant, x, IntegerBound);
            }
        }

        private double Operations => 2.0 * Rows * _shape.Count;

        public IEnumerable<ResultRow> Measure(int rounds)
        {
            string[] names = [.. _measurements.Keys];
            double[][] rates = Timing.Interleave(rounds, [.. _measurements.Values]);
            Dictionary<string, double[]> found = names.Zip(rates).ToDictionary(pair => pair.First, pair => pair.Second);
            foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
            {
                yield return Row(found, format.ToString(), "peak", "FMA peak", format == MatrixFormat.F32 ? 0.85 : null) with
                {
                    Measure = Results.Measure.Share,
                };
            }

            yield return Row(found, "F32", "ONNX F32", "ONNX Runtime", 0.95);
            yield return Row(found, "Q8", "ONNX Q8", "ONNX Runtime", 1);
            yield return Row(found, "Q4", "ONNX Q4", "ONNX Runtime", 1);
            yield return Row(found, "Q8", "F32", "own F32", 1.3);
            yield return Row(found, "Q4", "F32", "own F32", null);
        }

        public void Dispose() => _owned.ForEach(item => item.Dispose());

        private ResultRow Row(Dictionary<string, double[]> found, string what, string against, string of, double? target)
        {
            var row = new ResultRow
            {
                Layer = against.StartsWith("ONNX", StringComparison.Ordinal) ? "peer" : "kernel",
                Name = $"GEMM {_shape}, {what}, {Rows} rows",
                Threads = _threads,
                Measure = Results.Measure.Times,
                Of = of,
                Target = target,
            };
            string? missing = new[] { what, against }.FirstOrDefault(name => !found.ContainsKey(name));
            return missing is not null
                ? row with { Note = _notes[missing] }
                : row with
                {
                    Values = [.. found[what].Zip(found[against], (own, other) => own / other)],
                    Note = string.Create(
                        CultureInfo.InvariantCulture,
                        $"{SpeedResult.Median(found[what]):F0} to {SpeedResult.Median(found[against]):F0} GFLOP/s{Errors(what, against)}"),
                };
        }

        private string Errors(string what, string against) =>
            _notes.TryGetValue(against, out string? other) ? $"; relative error {_notes[what]} to {other}" : "";

        private void AddPalmyra(MatrixFormat format, float[] weights, float[] x, double bound)
        {
            try
            {
                var product = new Product(_shape, format, weights, _threads, x);
                _owned.Add(product);
                product.Run();
                Add(format.ToString(), product.Run, Agreement.Error(_shape, weights, x, product.Y()), bound);
            }
            catch (BackendException error)
            {
                _notes[format.ToString()] = $"not supported: {error.Message}";
            }
        }

        private void AddOnnx(string name, Func<byte[]> model, float[] weights, float[] x, double bound)
        {
            try
            {
                var product = new OnnxProduct(model(), _shape, _threads, x);
                _owned.Add(product);
                product.Run();
                Add(name, product.Run, Agreement.Error(_shape, weights, x, product.Y), bound);
            }
            catch (Exception error) when (error is OnnxRuntimeException or DllNotFoundException or TypeInitializationException)
            {
                _notes[name] = $"not supported: {error.Message}";
            }
        }

        private void Add(string name, Action run, double error, double bound)
        {
            _notes[name] = error.ToString("0.0e0", CultureInfo.InvariantCulture);
            if (!(error <= bound))
            {
                _notes[name] = string.Create(CultureInfo.InvariantCulture, $"not comparable: error {error:0.0e0}, at most {bound:0e0} expected");
                return;
            }

            _measurements.Add(name, () => Operations / 1e9 / Timing.Best(run));
        }
    }
}
