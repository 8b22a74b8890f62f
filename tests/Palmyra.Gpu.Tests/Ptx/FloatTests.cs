namespace Palmyra.Gpu.Tests.Ptx;

public sealed class FloatTests
{
    public static TheoryData<string, Func<float, float, float>> Binary => new()
    {
        { "add.f32", (a, b) => a + b },
        { "sub.rn.f32", (a, b) => a - b },
        { "mul.f32", (a, b) => a * b },
        { "div.rn.f32", (a, b) => a / b },
        { "div.full.f32", (a, b) => a / b },
        { "div.approx.f32", (a, b) => a / b },
        { "min.f32", (a, b) => float.IsNaN(a) ? b : float.IsNaN(b) ? a : MathF.Min(a, b) },
        { "max.f32", (a, b) => float.IsNaN(a) ? b : float.IsNaN(b) ? a : MathF.Max(a, b) },
        { "min.NaN.f32", MathF.Min },
        { "max.NaN.f32", MathF.Max },
        { "copysign.f32", (a, b) => MathF.CopySign(b, a) },
        { "add.sat.f32", (a, b) => float.IsNaN(a + b) ? 0 : MathF.Min(MathF.Max(a + b, 0), 1) },
        { "mul.ftz.f32", (a, b) => Flush(Flush(a) * Flush(b)) },
    };

    public static TheoryData<string, Func<float, float>> Unary => new()
    {
        { "neg.f32", a => -a },
        { "abs.f32", MathF.Abs },
        { "rcp.rn.f32", a => 1 / a },
        { "rcp.approx.ftz.f32", a => Flush(1 / Flush(a)) },
        { "sqrt.rn.f32", MathF.Sqrt },
        { "rsqrt.approx.f32", a => (float)(1 / Math.Sqrt(a)) },
        { "ex2.approx.f32", a => (float)Math.Pow(2, a) },
        { "lg2.approx.f32", a => (float)Math.Log2(a) },
        { "sin.approx.f32", a => (float)Math.Sin(a) },
        { "cos.approx.f32", a => (float)Math.Cos(a) },
    };

    [Theory]
    [MemberData(nameof(Binary))]
    public void TwoNumbers(string opcode, Func<float, float, float> expected)
    {
        float[] a = Samples.Single(1);
        float[] b = Samples.Single(2);
        Same(a.Zip(b, expected), Snippet.Map<float>($"{opcode} y, a, b;", a, b));
    }

    [Theory]
    [MemberData(nameof(Unary))]
    public void OneNumber(string opcode, Func<float, float> expected)
    {
        float[] a = Samples.Single(3);
        Same(a.Select(expected), Snippet.Map<float>($"{opcode} y, a;", a));
    }

    [Fact]
    public void FusedProductsWithSums()
    {
        float[] a = Samples.Single(4);
        float[] b = Samples.Single(5);
        float[] c = Samples.Single(6);
        Same(a.Zip(b, c).Select(t => MathF.FusedMultiplyAdd(t.First, t.Second, t.Third)), Snippet.Map<float>("fma.rn.f32 y, a, b, c;", a, b, c));
        Same(a.Select(x => MathF.FusedMultiplyAdd(x, 2, -0.5f)), Snippet.Map<float>("fma.rn.f32 y, a, 0f40000000, -0.5;", a));
    }

    [Fact]
    public void TanhIsAsInexactAsItsInstruction()
    {
        float[] a = Samples.Single(7);
        float[] tanh = Snippet.Map<float>("tanh.approx.f32 y, a;", a);
        double worst = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double exact = Math.Tanh(a[i]);
            Assert.Equal(double.IsNaN(exact), float.IsNaN(tanh[i]));
            worst = exact == 0 || double.IsNaN(exact) || float.IsSubnormal(a[i]) ? worst : Math.Max(worst, Math.Abs((tanh[i] / exact) - 1));
        }

        Assert.InRange(worst, 1e-4, 1 / 2048.0);
    }

    [Fact]
    public void DoublePrecision()
    {
        double[] a = Samples.Double(8);
        double[] b = Samples.Double(9);
        Assert.Equal(a.Zip(b, (x, y) => x + y), Snippet.Map<double>("add.f64 y, a, b;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => x / y), Snippet.Map<double>("div.rn.f64 y, a, b;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => Math.FusedMultiplyAdd(x, y, x)), Snippet.Map<double>("fma.rn.f64 y, a, b, a;", a, b));
        Assert.Equal(a.Select(Math.Sqrt), Snippet.Map<double>("sqrt.rn.f64 y, a;", a));
        Assert.Equal(a.Select(x => x * 3.5), Snippet.Map<double>("mul.f64 y, a, 0d400C000000000000;", a));
        Assert.Equal(a.Select(x => -x), Snippet.Map<double>("neg.f64 y, a;", a));
    }

    [Fact]
    public void HalfPrecision()
    {
        ushort[] a = Samples.UInt16(10);
        ushort[] b = Samples.UInt16(11);
        SameHalves(a.Zip(b, (x, y) => Half(x) + Half(y)), Snippet.Map<ushort>("add.f16 y, a, b;", a, b));
        SameHalves(a.Zip(b, (x, y) => Half(x) * Half(y)), Snippet.Map<ushort>("mul.f16 y, a, b;", a, b));
        SameHalves(a.Zip(b, (x, y) => (Half)MathF.FusedMultiplyAdd((float)Half(x), (float)Half(y), 1)), Snippet.Map<ushort>("mov.b16 y, 0x3C00; fma.rn.f16 y, a, b, y;", a, b));
    }

    [Fact]
    public void PairsOfHalves()
    {
        uint[] a = Samples.UInt32(12);
        uint[] b = Samples.UInt32(13);
        uint[] sums = Snippet.Map<uint>("fma.rn.f16x2 y, a, b, a;", a, b);
        uint[] brains = Snippet.Map<uint>("fma.rn.bf16x2 y, a, b, a;", a, b);
        for (int i = 0; i < a.Length; i++)
        {
            for (int shift = 0; shift < 32; shift += 16)
            {
                float x = (float)Half((ushort)(a[i] >> shift));
                SameHalves([(Half)MathF.FusedMultiplyAdd(x, (float)Half((ushort)(b[i] >> shift)), x)], [(ushort)(sums[i] >> shift)]);
                float u = Brain(a[i] >> shift);
                float expected = MathF.FusedMultiplyAdd(u, Brain(b[i] >> shift), u);
                float actual = Brain(brains[i] >> shift);
                Assert.True(expected.Equals(actual) || Math.Abs(actual - expected) <= Math.Abs(expected) / 256 || float.IsInfinity(actual), $"{expected} {actual}");
            }
        }
    }

    private static float Flush(float a) => float.IsSubnormal(a) ? MathF.CopySign(0, a) : a;

    private static Half Half(ushort bits) => BitConverter.UInt16BitsToHalf(bits);

    private static float Brain(uint bits) => BitConverter.UInt32BitsToSingle(bits << 16);

    // Bit for bit, but for the payload of a NaN.
    private static void Same(IEnumerable<float> expected, float[] actual) => Assert.Equal(
        expected.Select(value => float.IsNaN(value) ? "NaN" : $"{BitConverter.SingleToUInt32Bits(value):x} {value}"),
        actual.Select(value => float.IsNaN(value) ? "NaN" : $"{BitConverter.SingleToUInt32Bits(value):x} {value}"));

    private static void SameHalves(IEnumerable<Half> expected, ushort[] actual) => Assert.Equal(
        expected.Select(value => System.Half.IsNaN(value) ? "NaN" : $"{BitConverter.HalfToUInt16Bits(value):x}"),
        actual.Select(value => System.Half.IsNaN(Half(value)) ? "NaN" : $"{value:x}"));
}
