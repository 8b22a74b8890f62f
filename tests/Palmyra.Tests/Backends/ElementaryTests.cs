using Palmyra.Backends.Cpu;
using Palmyra.Backends.Cpu.Kernels;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Tests.Backends;

/// <summary>The polynomials against double arithmetic on dense grids, with the bounds their comments state.</summary>
public unsafe class ElementaryTests
{
    [Fact]
    public void Exponential_of_negative_numbers()
    {
        double worst = Worst(-87.3, 0, 400_000, Math.Exp, (x, y) => Exp(x, y), relative: true);
        Assert.True(worst < 1.2e-7, $"relative error {worst:G3}");
        float[] edges = [0, -0f, float.NegativeInfinity, -87.34f, -1000, float.NaN, -float.Epsilon, -104, float.MinValue, -12345678];
        fixed (float* p = edges)
        {
            Exp(p, p, edges.Length);
        }

        Assert.Equal([1, 1, 0, 0, 0, float.NaN, 1, 0, 0, 0], edges);
    }

    [Fact]
    public void Logistic_function() => Check(-80, 80, x => 1 / (1 + Math.Exp(-x)), &Run<LogisticOf>, 2.5e-7, relative: true);

    [Fact]
    public void Hyperbolic_tangent()
    {
        Check(-9.5, 9.5, Math.Tanh, &Run<TanhOf>, 3e-7, relative: true);
        Check(-1e-3, 1e-3, Math.Tanh, &Run<TanhOf>, 1.3e-7, relative: true);
    }

    [Fact]
    public void Normal_distribution()
    {
        Check(-8, 8, x => 0.5 * Palmyra.Backends.Reference.ErrorFunction.Complement(-x / Math.Sqrt(2)), &Run<NormalOf>, 1.2e-7, relative: false);
        Check(-5, 8, x => 0.5 * Palmyra.Backends.Reference.ErrorFunction.Complement(-x / Math.Sqrt(2)), &Run<NormalOf>, 3e-6, relative: true);
    }

    private interface IFunction
    {
        static abstract Floats32 Of(Floats32 x);
    }

    private readonly struct LogisticOf : IFunction
    {
        public static Floats32 Of(Floats32 x) => Elementary.Logistic(x);
    }

    private readonly struct TanhOf : IFunction
    {
        public static Floats32 Of(Floats32 x) => Elementary.Tanh(x);
    }

    private readonly struct NormalOf : IFunction
    {
        public static Floats32 Of(Floats32 x) => Elementary.NormalDistribution(x);
    }

    private static void Run<T>(float* x, float* y, int count)
        where T : struct, IFunction
    {
        for (int i = 0; i < count; i++)
        {
            Floats32.Store(y + i, T.Of(Floats32.Load(x + i)));
        }
    }

    private static void Exp(float* x, float* y, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Floats32.Store(y + i, Elementary.ExpOfNegative(Floats32.Load(x + i)));
        }
    }

    private static void Check(double from, double to, Func<double, double> exact, delegate*<float*, float*, int, void> kernel, double bound, bool relative)
    {
        double worst = Worst(from, to, 400_000, exact, (x, y) => kernel(x, y, 1), relative);
        Assert.True(worst < bound, $"{(relative ? "relative" : "absolute")} error {worst:G3}, allowed {bound:G3}");
    }

    private delegate void One(float* x, float* y);

    private static void Exp(float* x, float* y) => Exp(x, y, 1);

    private static double Worst(double from, double to, int steps, Func<double, double> exact, One kernel, bool relative)
    {
        double worst = 0;
        for (int i = 0; i <= steps; i++)
        {
            float x = (float)(from + ((to - from) * i / steps));
            float y;
            kernel(&x, &y);
            double expected = exact(x);
            double error = Math.Abs(y - expected);
            worst = Math.Max(worst, relative && expected != 0 ? error / Math.Abs(expected) : error);
        }

        return worst;
    }
}
