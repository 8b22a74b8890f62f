using System.Runtime.InteropServices;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class ConversionTests
{
    [Fact]
    public void BetweenIntegers()
    {
        uint[] a = Samples.UInt32(1);
        ulong[] wide = Samples.UInt64(2);
        ushort[] narrow = Samples.UInt16(3);
        Assert.Equal(a.Select(x => (long)(int)x), Snippet.Map<long>("cvt.s64.s32 y, a;", a));
        Assert.Equal(a.Select(x => (ulong)x), Snippet.Map<ulong>("cvt.u64.u32 y, a;", a));
        Assert.Equal(wide.Select(x => (uint)x), Snippet.Map<uint>("cvt.u32.u64 y, a;", wide));
        Assert.Equal(a.Select(x => (ushort)x), Snippet.Map<ushort>("cvt.u16.u32 y, a;", a));
        Assert.Equal(narrow.Select(x => (uint)(short)x), Snippet.Map<uint>("cvt.s32.s16 y, a;", narrow));
        Assert.Equal(narrow.Select(x => (uint)(sbyte)x), Snippet.Map<uint>("cvt.s32.s8 y, a;", narrow));
        Assert.Equal(narrow.Select(x => (uint)(byte)x), Snippet.Map<uint>("cvt.u32.u8 y, a;", narrow));
        Assert.Equal(a.Select(x => (ushort)(sbyte)x), Snippet.Map<ushort>("cvt.s8.s32 y, a;", a));
        Assert.Equal(a.Select(x => (ushort)(byte)x), Snippet.Map<ushort>("cvt.u8.u32 y, a;", a));
        Assert.Equal(a.Select(x => (ushort)(short)Math.Clamp((int)x, short.MinValue, short.MaxValue)), Snippet.Map<ushort>("cvt.sat.s16.s32 y, a;", a));
        Assert.Equal(a.Select(x => (ushort)Math.Clamp((int)x, 0, 255)), Snippet.Map<ushort>("cvt.sat.u8.s32 y, a;", a));
    }

    [Fact]
    public void FromIntegersToFloats()
    {
        uint[] a = Samples.UInt32(4);
        ulong[] wide = Samples.UInt64(5);
        Assert.Equal(a.Select(x => (float)(int)x), Snippet.Map<float>("cvt.rn.f32.s32 y, a;", a));
        Assert.Equal(a.Select(x => (float)x), Snippet.Map<float>("cvt.rn.f32.u32 y, a;", a));
        Assert.Equal(wide.Select(x => (float)(long)x), Snippet.Map<float>("cvt.rn.f32.s64 y, a;", wide));
        Assert.Equal(wide.Select(x => (float)x), Snippet.Map<float>("cvt.rn.f32.u64 y, a;", wide));
        Assert.Equal(a.Select(x => (double)(int)x), Snippet.Map<double>("cvt.rn.f64.s32 y, a;", a));
        Assert.Equal(a.Select(x => (float)(sbyte)x), Snippet.Map<float>("cvt.rn.f32.s8 y, a;", a));
    }

    [Theory]
    [InlineData("rni")]
    [InlineData("rzi")]
    [InlineData("rmi")]
    [InlineData("rpi")]
    public void FromFloatsToIntegers(string rounding)
    {
        float[] a = Samples.Single(6);
        Func<double, double> round = rounding switch
        {
            "rni" => Math.Round,
            "rzi" => Math.Truncate,
            "rmi" => Math.Floor,
            _ => Math.Ceiling,
        };
        Assert.Equal(a.Select(x => (int)Held(x, int.MinValue, int.MaxValue)), Snippet.Map<int>($"cvt.{rounding}.s32.f32 y, a;", a));
        Assert.Equal(a.Select(x => (uint)Held(x, 0, uint.MaxValue)), Snippet.Map<uint>($"cvt.{rounding}.u32.f32 y, a;", a));
        Assert.Equal(a.Select(x => (ushort)(sbyte)Held(x, sbyte.MinValue, sbyte.MaxValue)), Snippet.Map<ushort>($"cvt.{rounding}.s8.f32 y, a;", a));
        Assert.Equal(a.Select(x => (ushort)Held(x, 0, byte.MaxValue)), Snippet.Map<ushort>($"cvt.{rounding}.u8.f32 y, a;", a));
        Assert.Equal(
            a.Select(x => float.IsNaN(x) ? long.MinValue : x >= 9.2e18f ? long.MaxValue : x <= -9.2e18f ? long.MinValue : (long)round(x)),
            Snippet.Map<long>($"cvt.{rounding}.s64.f32 y, a;", a));
        Assert.Equal(a.Select(x => (float)round(x)), Snippet.Map<float>($"cvt.{rounding}.f32.f32 y, a;", a));

        double Held(float x, double least, double most) => float.IsNaN(x) ? 0 : Math.Clamp(round(x), least, most);
    }

    [Fact]
    public void BetweenFloats()
    {
        float[] a = Samples.Single(7);
        double[] wide = Samples.Double(8);
        Assert.Equal(a.Select(x => (double)x), Snippet.Map<double>("cvt.f64.f32 y, a;", a));
        Assert.Equal(wide.Select(x => (float)x), Snippet.Map<float>("cvt.rn.f32.f64 y, a;", wide));
        Assert.Equal(a.Select(x => (Half)x), Halves(Snippet.Map<ushort>("cvt.rn.f16.f32 y, a;", a)));
        ushort[] halves = Samples.UInt16(9);
        Assert.Equal(Halves(halves).Select(x => (float)x), Snippet.Map<float>("cvt.f32.f16 y, a;", halves));
        Assert.Equal(halves.Select(x => BitConverter.UInt32BitsToSingle((uint)x << 16)), Snippet.Map<float>("cvt.f32.bf16 y, a;", halves));
        Assert.Equal(a.Select(x => float.IsNaN(x) ? 0 : Math.Clamp(x, 0, 1)), Snippet.Map<float>("cvt.sat.f32.f32 y, a;", a));
    }

    [Fact]
    public void ToBrainFloatsAndPairs()
    {
        float[] a = Samples.Single(10);
        float[] b = Samples.Single(11);
        ushort[] single = Snippet.Map<ushort>("cvt.rn.bf16.f32 y, a;", a);
        uint[] pairs = Snippet.Map<uint>("cvt.rn.bf16x2.f32 y, a, b;", a, b);
        uint[] halves = Snippet.Map<uint>("cvt.rn.f16x2.f32 y, a, b;", a, b);
        for (int i = 0; i < a.Length; i++)
        {
            Assert.Equal(NearestBrain(a[i]), single[i]);
            Assert.Equal((uint)NearestBrain(a[i]) << 16 | NearestBrain(b[i]), pairs[i]);
            Assert.Equal(((Half)a[i], (Half)b[i]), (BitConverter.UInt16BitsToHalf((ushort)(halves[i] >> 16)), BitConverter.UInt16BitsToHalf((ushort)halves[i])));
        }

        Assert.Equal(
            a.Where(float.IsFinite).Select(x => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(x) & 0xFFFF0000)),
            Snippet.Map<uint>("cvt.rz.bf16x2.f32 y, a, a;", a).Where((_, i) => float.IsFinite(a[i])).Select(x => BitConverter.UInt32BitsToSingle(x & 0xFFFF0000)));
    }

    [Fact]
    public void PackingAndUnpacking()
    {
        uint[] a = Samples.UInt32(12);
        ulong[] wide = Samples.UInt64(13);
        Assert.Equal(wide.Select(x => x >> 32 | x << 32), Snippet.Map<ulong>("mov.b64 {d, f}, a; mov.b64 y, {f, d};", wide));
        Assert.Equal(a.Select(x => x >> 16 | x << 16), Snippet.Map<uint>(".reg .b16 u, v; mov.b32 {u, v}, a; mov.b32 y, {v, u};", a));
        Assert.Equal(a, Snippet.Map<uint>(".reg .f32 z; mov.f32 z, a; mov.b32 y, z;", a));
    }

    // The nearest of the brain floats around it, found by trying: ties go to the even one.
    private static ushort NearestBrain(float value)
    {
        if (float.IsNaN(value))
        {
            return 0x7FFF;
        }

        uint low = BitConverter.SingleToUInt32Bits(value) >> 16;
        double below = BitConverter.UInt32BitsToSingle(low << 16);
        double above = BitConverter.UInt32BitsToSingle((low + 1) << 16);
        above = double.IsInfinity(above) ? Math.CopySign(Math.Pow(2, 128), value) : above;
        double distance = Math.Abs(value - below) - Math.Abs(above - value);
        return (ushort)(double.IsInfinity(value) || distance < 0 || (distance == 0 && (low & 1) == 0) ? low : low + 1);
    }

    private static Half[] Halves(ushort[] bits) => MemoryMarshal.Cast<ushort, Half>(bits).ToArray();
}
