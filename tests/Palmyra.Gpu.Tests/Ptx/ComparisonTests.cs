namespace Palmyra.Gpu.Tests.Ptx;

public sealed class ComparisonTests
{
    private const string Take = "selp.b32 y, 1, 0, p;";

    public static TheoryData<string, Func<float, float, bool>> Floats => new()
    {
        { "eq", (a, b) => a == b },
        { "ne", (a, b) => a < b || a > b },
        { "lt", (a, b) => a < b },
        { "le", (a, b) => a <= b },
        { "gt", (a, b) => a > b },
        { "ge", (a, b) => a >= b },
        { "equ", (a, b) => !(a < b || a > b) },
        { "neu", (a, b) => a != b },
        { "ltu", (a, b) => !(a >= b) },
        { "leu", (a, b) => !(a > b) },
        { "gtu", (a, b) => !(a <= b) },
        { "geu", (a, b) => !(a < b) },
        { "num", (a, b) => !float.IsNaN(a) && !float.IsNaN(b) },
        { "nan", (a, b) => float.IsNaN(a) || float.IsNaN(b) },
    };

    public static TheoryData<string, Func<uint, uint, bool>> Integers => new()
    {
        { "eq.u32", (a, b) => a == b },
        { "ne.s32", (a, b) => a != b },
        { "lt.s32", (a, b) => (int)a < (int)b },
        { "ge.s32", (a, b) => (int)a >= (int)b },
        { "lo.u32", (a, b) => a < b },
        { "ls.u32", (a, b) => a <= b },
        { "hi.u32", (a, b) => a > b },
        { "hs.u32", (a, b) => a >= b },
        { "gt.u32", (a, b) => a > b },
    };

    [Theory]
    [MemberData(nameof(Floats))]
    public void OfFloats(string comparison, Func<float, float, bool> expected)
    {
        float[] a = Samples.Single(1);
        float[] b = [.. a.Zip(Samples.Single(2), (x, y) => MathF.Abs(y) < 8 ? x : y)];
        Assert.Equal(a.Zip(b, (x, y) => expected(x, y) ? 1u : 0), Snippet.Map<uint>($"setp.{comparison}.f32 p, a, b; {Take}", a, b));
    }

    [Theory]
    [MemberData(nameof(Integers))]
    public void OfIntegers(string comparison, Func<uint, uint, bool> expected)
    {
        uint[] a = Samples.UInt32(3);
        uint[] b = [.. a.Zip(Samples.UInt32(4), (x, y) => y % 3 == 0 ? x : y)];
        Assert.Equal(a.Zip(b, (x, y) => expected(x, y) ? 1u : 0), Snippet.Map<uint>($"setp.{comparison} p, a, b; {Take}", a, b));
    }

    [Fact]
    public void CombinedWithAThirdPredicate()
    {
        uint[] a = Samples.UInt32(5);
        uint[] b = Samples.UInt32(6);
        Assert.Equal(
            a.Zip(b, (x, y) => x < y && x > 100 ? 1u : 0),
            Snippet.Map<uint>($"setp.gt.u32 q, a, 100; setp.lt.and.u32 p, a, b, q; {Take}", a, b));
        Assert.Equal(
            a.Zip(b, (x, y) => x < y || x <= 100 ? 1u : 0),
            Snippet.Map<uint>($"setp.gt.u32 q, a, 100; setp.lt.or.u32 p, a, b, !q; {Take}", a, b));
        Assert.Equal(
            a.Zip(b, (x, y) => x < y ^ x > 100 ? 1u : 0),
            Snippet.Map<uint>($"setp.gt.u32 q, a, 100; setp.lt.xor.u32 p, a, b, q; {Take}", a, b));
        Assert.Equal(
            a.Zip(b, (x, y) => x < y ? 1u : 2),
            Snippet.Map<uint>("setp.lt.u32 p|q, a, b; selp.b32 y, 1, 0, p; selp.b32 d, 2, 0, q; or.b32 y, y, d;", a, b));
    }

    [Fact]
    public void OfPredicates()
    {
        uint[] a = Samples.UInt32(7);
        string code = "setp.gt.u32 p, a, 50; setp.gt.u32 q, a, 1000; ";
        Assert.Equal(a.Select(x => x > 50 && x > 1000 ? 1u : 0), Snippet.Map<uint>($"{code} and.pred p, p, q; {Take}", a));
        Assert.Equal(a.Select(x => x > 50 || x > 1000 ? 1u : 0), Snippet.Map<uint>($"{code} or.pred p, p, q; {Take}", a));
        Assert.Equal(a.Select(x => x > 50 ^ x > 1000 ? 1u : 0), Snippet.Map<uint>($"{code} xor.pred p, p, q; {Take}", a));
        Assert.Equal(a.Select(x => x > 50 ? 0u : 1), Snippet.Map<uint>($"{code} not.pred p, p; {Take}", a));
        Assert.Equal(a.Select(_ => 1u), Snippet.Map<uint>($"mov.pred p, 1; {Take}", a));
    }

    [Fact]
    public void TestsOfFloats()
    {
        float[] a = Samples.Single(8);
        Assert.Equal(a.Select(x => float.IsNaN(x) ? 1u : 0), Snippet.Map<uint>($"testp.notanumber.f32 p, a; {Take}", a));
        Assert.Equal(a.Select(x => float.IsInfinity(x) ? 1u : 0), Snippet.Map<uint>($"testp.infinite.f32 p, a; {Take}", a));
        Assert.Equal(a.Select(x => float.IsSubnormal(x) ? 1u : 0), Snippet.Map<uint>($"testp.subnormal.f32 p, a; {Take}", a));
    }

    [Fact]
    public void Selections()
    {
        uint[] a = Samples.UInt32(9);
        int[] b = Samples.Int32(10);
        Assert.Equal(a.Zip(b, (x, y) => y >= 0 ? x : 7u), Snippet.Map<uint>("slct.u32.s32 y, a, 7, b;", a, b));
        Assert.Equal(a.Select(x => x > 9 ? x : 9UL), Snippet.Map<ulong>("setp.gt.u32 p, a, 9; cvt.u64.u32 w, a; selp.b64 y, w, 9, p;", a));
    }
}
