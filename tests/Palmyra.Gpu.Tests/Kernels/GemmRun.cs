using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Kernels;

/// <summary>One product in the interpreter, and what it should be.</summary>
internal sealed class GemmRun : IDisposable
{
    private static readonly KernelCompiler Compiler = new();

    private readonly PtxDriver _driver = new();
    private float[] _results = [];

    public required GemmShape Shape { get; init; }

    /// <summary>Rows of a tile: 16, 64 or 128.</summary>
    public int TileRows { get; init; } = 64;

    public int Splits { get; init; } = 1;

    public Activation Activation { get; init; }

    public bool HasBias { get; init; }

    public bool HasResidual { get; init; }

    public bool InPlace { get; init; }

    /// <summary>What rows of inputs are multiplied by: row r by the r-th of them, in turn.</summary>
    public float[] RowScales { get; init; } = [1];

    /// <summary>Changes the product's PTX.</summary>
    public Func<string, string>? Edit { get; init; }

    /// <summary>What the product's kernel did.</summary>
    public PtxStatistics Product => _driver.Statistics.Single(one => one.Key.StartsWith("Multiply", StringComparison.Ordinal)).Value;

    /// <summary>√(Σ(actual − expected)²/Σ expected²) of the finite numbers.</summary>
    public double RelativeError { get; private set; }

    /// <summary>Whether padding and surroundings of the results kept their marks.</summary>
    public bool IsSurroundingKept { get; private set; }

    /// <summary>Computes the product; returns its numbers.</summary>
    public float[] Results()
    {
        Error();
        return _results;
    }

    /// <summary>Computes the product; returns the largest error as a share of what is allowed.</summary>
    public double Error()
    {
        (MatrixFormat format, int rows, int outputs, int inputs, GemmPrecision precision) = Shape;
        int stride = (inputs + 7) / 8 * 8;
        int yStride = (outputs + 7) / 8 * 8;
        const float Mark = 12345;

        // What lies behind the last input is never to be used.
        float[] x = new float[rows * stride];
        Array.Fill(x, float.NaN);
        float[] numbers = Numbers.Spread(1, rows * inputs);
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < inputs; i++)
            {
                x[(row * stride) + i] = numbers[(row * inputs) + i] * RowScales[row % RowScales.Length];
            }
        }

        (byte[] stored, Half[] scales, float[] w) = Weights(format, outputs, inputs);
        float[] bias = Numbers.Spread(3, outputs);
        float[] residual = Numbers.Spread(4, rows * yStride);
        float[] y = new float[rows * yStride];
        Array.Fill(y, Mark);
        if (InPlace)
        {
            residual.CopyTo(y, 0);
        }

        nint results = Upload(y);
        var operands = new GemmOperands
        {
            Y = results,
            W = Upload(stored),
            Scales = scales.Length > 0 ? Upload(scales) : 0,
            ScaleStride = scales.Length / outputs,
            Bias = HasBias ? Upload(bias) : 0,
            Residual = InPlace ? results : HasResidual ? Upload(residual) : 0,
            YStride = yStride,
            Activation = Activation,
        };
        GemmPlan plan = TileRows switch
        {
            16 => GemmPlan.Of<FlatTile>(Shape, Splits),
            64 => GemmPlan.Of<SmallTile>(Shape, Splits),
            _ => GemmPlan.Of<LargeTile>(Shape, Splits),
        };
        nint rounded = _driver.Allocate(plan.RoundedBytes);
        Gemm.Round(Launch, Shape, Upload(x), stride, rounded);
        Gemm.Multiply(Launch, Shape, operands, plan, rounded, Splits == 1 ? 0 : _driver.Allocate(plan.SumsBytes));
        float[] actual = new float[y.Length];
        _driver.CopyOut(MemoryMarshal.AsBytes(actual.AsSpan()), results);

        _results = actual;

        // Rounding of inputs and weights, then of sums; see GemmPrecision. A lost digit of an activation is one of its argument or of 1.
        double perProduct = (precision, format) switch
        {
            (GemmPrecision.Rounded, MatrixFormat.BF16) => Math.Pow(2, -8),
            (GemmPrecision.Rounded, MatrixFormat.F16) => Math.Pow(2, -11),
            (GemmPrecision.Rounded, _) => Math.Pow(2, -10),
            (_, MatrixFormat.BF16) => Math.Pow(2, -16),
            _ => Math.Pow(2, -21),
        } + (inputs * Shape.Passes * Math.Pow(2, -24));
        double worst = 0;
        double squares = 0;
        double distances = 0;
        IsSurroundingKept = true;
        for (int row = 0; row < rows; row++)
        {
            for (int output = 0; output < yStride; output++)
            {
                int at = (row * yStride) + output;
                if (output >= outputs)
                {
                    IsSurroundingKept &= actual[at] == y[at];
                    continue;
                }

                double sum = HasBias ? bias[output] : 0;
                double size = 0;
                for (int i = 0; i < inputs; i++)
                {
                    double product = (double)x[(row * stride) + i] * w[(output * inputs) + i];
                    sum += product;
                    size += Math.Abs(product);
                }

                double added = HasResidual || InPlace ? residual[at] : 0;
                double expected = Apply(sum) + added;
                double allowed = (1.13 * perProduct * size) + (1e-6 * (1e-30 + Math.Abs(sum) + Math.Abs(added) + (Activation == Activation.None ? 0 : 1)));
                if (!double.IsFinite(expected))
                {
                    worst = float.IsFinite(actual[at]) ? double.PositiveInfinity : worst;
                    continue;
                }

                double error = Math.Abs(actual[at] - expected);
                squares += expected * expected;
                distances += error * error;
                worst = Math.Max(worst, double.IsNaN(error) ? double.PositiveInfinity : error / allowed);
            }
        }

        RelativeError = distances == 0 ? 0 : Math.Sqrt(distances / squares);
        return worst;
    }

    public void Dispose() => _driver.Dispose();

    /// <summary>Weights as GpuMatrix's remarks say they lie, its scales, and what they stand for.</summary>
    private static (byte[] Stored, Half[] Scales, float[] Values) Weights(MatrixFormat format, int outputs, int inputs)
    {
        float[] values = Numbers.Spread(2, outputs * inputs);
        int groups = (inputs + 31) / 32;
        int stride = (inputs + 7) / 8 * 8;
        if (format is MatrixFormat.BF16 or MatrixFormat.F16)
        {
            ushort[] bits = new ushort[outputs * stride];
            for (int i = 0; i < values.Length; i++)
            {
                bool brain = format == MatrixFormat.BF16;
                ushort one = brain ? (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16) : BitConverter.HalfToUInt16Bits((Half)values[i]);
                bits[(i / inputs * stride) + (i % inputs)] = one;
                values[i] = brain ? BitConverter.UInt32BitsToSingle((uint)one << 16) : (float)BitConverter.UInt16BitsToHalf(one);
            }

            return (MemoryMarshal.AsBytes(bits.AsSpan()).ToArray(), [], values);
        }

        int largest = format == MatrixFormat.Q8 ? 128 : 8;
        int scaleStride = (groups + 7) / 8 * 8;
        var scales = new Half[outputs * scaleStride];
        float[] spread = Numbers.Spread(5, outputs * groups);
        byte[] stored = new byte[outputs * groups * (format == MatrixFormat.Q8 ? 32 : 16)];
        for (int output = 0; output < outputs; output++)
        {
            for (int group = 0; group < groups; group++)
            {
                // Scales of very different sizes, subnormal and negative ones among them.
                float scale = spread[(output * groups) + group];
                Half half = (Half)((output + group) % 7 == 0 ? scale * 1e-6f : (output + group) % 11 == 0 ? scale * 100 : scale / largest);
                scales[(output * scaleStride) + group] = half;
                for (int i = 0; i < 32; i++)
                {
                    int input = (group * 32) + i;
                    int q = input < inputs ? Math.Clamp((int)MathF.Floor(values[(output * inputs) + input] * (largest + 0.5f)), -largest, largest - 1) : 0;
                    if (input < inputs)
                    {
                        values[(output * inputs) + input] = q * (float)half;
                    }

                    if (format == MatrixFormat.Q8)
                    {
                        stored[(((output * groups) + group) * 32) + i] = (byte)(sbyte)q;
                    }
                    else
                    {
                        // Nibbles of a word from the lowest bits: columns 0, 16, 2, 18, 1, 17, 3, 19 of the word's four.
                        int nibble = (i % 4) switch { 0 => 0, 1 => 4, 2 => 2, _ => 6 } + (i / 16);
                        stored[(((output * groups) + group) * 16) + (i % 16 / 4 * 4) + (nibble / 2)] |= (byte)((q + 8) << (nibble % 2 * 4));
                    }
                }
            }
        }

        return (stored, scales, values);
    }

    private void Launch(Delegate kernel, in LaunchShape shape, in KernelArguments arguments)
    {
        PtxKernel compiled;
        lock (Compiler)
        {
            compiled = Compiler.Compile(kernel, shape.Threads);
        }

        if (Edit is not null && compiled.Name.StartsWith("Multiply", StringComparison.Ordinal))
        {
            string edited = Edit(compiled.Text);
            Assert.NotEqual(compiled.Text, edited);
            compiled = compiled with { Text = edited };
        }

        _driver.Launch(_driver.Load(compiled), shape, arguments.Bytes);
    }

    private nint Upload<T>(T[] values)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes<T>(values);
        nint address = _driver.Allocate(bytes.Length);
        _driver.CopyIn(address, bytes);
        return address;
    }

    private double Apply(double x) => Activation switch
    {
        Activation.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        Activation.GeluErf => x * Normal(x),
        Activation.QuickGelu => x / (1 + Math.Exp(-1.702 * x)),
        Activation.Relu => Math.Max(x, 0),
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.Tanh => Math.Tanh(x),
        _ => x,
    };

    // Φ by integrating its derivative from 0 with Simpson's rule.
    private static double Normal(double x)
    {
        const int Steps = 2000;
        double end = Math.Clamp(x, -9, 9);
        double sum = 0;
        for (int i = 0; i <= Steps; i++)
        {
            double t = end * i / Steps;
            sum += (i is 0 or Steps ? 1 : i % 2 == 1 ? 4 : 2) * Math.Exp(-t * t / 2);
        }

        return 0.5 + (sum * end / Steps / 3 / Math.Sqrt(2 * Math.PI));
    }
}
