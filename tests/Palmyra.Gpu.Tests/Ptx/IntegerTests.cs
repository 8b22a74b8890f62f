using System.Numerics;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class IntegerTests
{
    public static TheoryData<string, Func<uint, uint, uint>> Binary32 => new()
    {
        { "add.u32", (a, b) => a + b },
        { "sub.s32", (a, b) => a - b },
        { "mul.lo.s32", (a, b) => a * b },
        { "mul.hi.u32", (a, b) => (uint)((ulong)a * b >> 32) },
        { "mul.hi.s32", (a, b) => (uint)((long)(int)a * (int)b >> 32) },
        { "min.u32", Math.Min },
        { "max.u32", Math.Max },
        { "min.s32", (a, b) => (uint)Math.Min((int)a, (int)b) },
        { "max.s32", (a, b) => (uint)Math.Max((int)a, (int)b) },
        { "div.u32", (a, b) => b == 0 ? uint.MaxValue : a / b },
        { "rem.u32", (a, b) => b == 0 ? a : a % b },
        { "div.s32", (a, b) => b == 0 ? uint.MaxValue : (uint)((long)(int)a / (int)b) },
        { "rem.s32", (a, b) => b == 0 ? a : (uint)((long)(int)a % (int)b) },
        { "and.b32", (a, b) => a & b },
        { "or.b32", (a, b) => a | b },
        { "xor.b32", (a, b) => a ^ b },
        { "shl.b32", (a, b) => b > 31 ? 0 : a << (int)b },
        { "shr.u32", (a, b) => b > 31 ? 0 : a >> (int)b },
        { "shr.s32", (a, b) => (uint)((int)a >> (int)Math.Min(b, 31)) },
    };

    public static TheoryData<string, Func<ulong, ulong, ulong>> Binary64 => new()
    {
        { "add.s64", (a, b) => a + b },
        { "sub.u64", (a, b) => a - b },
        { "mul.lo.u64", (a, b) => a * b },
        { "mul.hi.u64", (a, b) => (ulong)((UInt128)a * b >> 64) },
        { "mul.hi.s64", (a, b) => (ulong)((Int128)(long)a * (long)b >> 64) },
        { "div.u64", (a, b) => b == 0 ? ulong.MaxValue : a / b },
        { "rem.u64", (a, b) => b == 0 ? a : a % b },
        { "div.s64", (a, b) => b == 0 ? ulong.MaxValue : (ulong)((Int128)(long)a / (long)b) },
        { "rem.s64", (a, b) => b == 0 ? a : (ulong)((Int128)(long)a % (long)b) },
        { "min.s64", (a, b) => (ulong)Math.Min((long)a, (long)b) },
        { "max.u64", Math.Max },
        { "xor.b64", (a, b) => a ^ b },
    };

    public static TheoryData<string, Func<uint, uint>> Unary32 => new()
    {
        { "not.b32", a => ~a },
        { "cnot.b32", a => a == 0 ? 1u : 0 },
        { "neg.s32", a => 0 - a },
        { "abs.s32", a => (int)a < 0 ? 0 - a : a },
        { "popc.b32", a => (uint)BitOperations.PopCount(a) },
        { "clz.b32", a => (uint)BitOperations.LeadingZeroCount(a) },
        { "brev.b32", a => Convert.ToUInt32(string.Concat(Convert.ToString(a, 2).PadLeft(32, '0').Reverse()), 2) },
        { "bfind.u32", a => a == 0 ? uint.MaxValue : (uint)BitOperations.Log2(a) },
        { "bfind.s32", a => ((int)a < 0 ? ~a : a) is 0 ? uint.MaxValue : (uint)BitOperations.Log2((int)a < 0 ? ~a : a) },
    };

    [Theory]
    [MemberData(nameof(Binary32))]
    public void TwoNumbersOf32Bits(string opcode, Func<uint, uint, uint> expected)
    {
        uint[] a = Samples.UInt32(1);
        uint[] b = Samples.UInt32(2);
        Assert.Equal(a.Zip(b, expected), Snippet.Map<uint>($"{opcode} y, a, b;", a, b));
    }

    [Theory]
    [MemberData(nameof(Binary64))]
    public void TwoNumbersOf64Bits(string opcode, Func<ulong, ulong, ulong> expected)
    {
        ulong[] a = Samples.UInt64(3);
        ulong[] b = Samples.UInt64(4);
        Assert.Equal(a.Zip(b, expected), Snippet.Map<ulong>($"{opcode} y, a, b;", a, b));
    }

    [Theory]
    [MemberData(nameof(Unary32))]
    public void OneNumberOf32Bits(string opcode, Func<uint, uint> expected)
    {
        uint[] a = Samples.UInt32(5);
        Assert.Equal(a.Select(expected), Snippet.Map<uint>($"{opcode} y, a;", a));
    }

    [Fact]
    public void NumbersOf16Bits()
    {
        ushort[] a = Samples.UInt16(6);
        ushort[] b = Samples.UInt16(7);
        Assert.Equal(a.Zip(b, (x, y) => (ushort)(x * y)), Snippet.Map<ushort>("mul.lo.s16 y, a, b;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => (ushort)((short)x >> Math.Min(y & 31, 15))), Snippet.Map<ushort>("cvt.u32.u16 d, b; and.b32 d, d, 31; shr.s16 y, a, d;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => (uint)(x * y)), Snippet.Map<uint>("mul.wide.u16 y, a, b;", a, b));
    }

    [Fact]
    public void ProductsWithSums()
    {
        uint[] a = Samples.UInt32(8);
        uint[] b = Samples.UInt32(9);
        uint[] c = Samples.UInt32(10);
        ulong[] wide = Samples.UInt64(11);
        Assert.Equal(a.Zip(b, c).Select(t => (t.First * t.Second) + t.Third), Snippet.Map<uint>("mad.lo.s32 y, a, b, c;", a, b, c));
        Assert.Equal(a.Zip(b, c).Select(t => (uint)((long)(int)t.First * (int)t.Second >> 32) + t.Third), Snippet.Map<uint>("mad.hi.s32 y, a, b, c;", a, b, c));
        Assert.Equal(a.Zip(b, (x, y) => (ulong)x * y), Snippet.Map<ulong>("mul.wide.u32 y, a, b;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => (long)(int)x * (int)y), Snippet.Map<long>("mul.wide.s32 y, a, b;", a, b));
        Assert.Equal(a.Zip(b, wide).Select(t => ((ulong)t.First * t.Second) + t.Third), Snippet.Map<ulong>("mad.wide.u32 y, a, b, c;", a, b, wide));
        Assert.Equal(a.Zip(b, c).Select(t => (uint)Math.Abs((long)t.First - t.Second) + t.Third), Snippet.Map<uint>("sad.u32 y, a, b, c;", a, b, c));
        Assert.Equal(wide.Select(x => (x * 16) + 5), Snippet.Map<ulong>("mad.lo.u64 y, a, 16, 5;", wide));
    }

    [Fact]
    public void FieldsOfBits()
    {
        uint[] a = Samples.UInt32(12);
        uint[] b = Samples.UInt32(13);
        Assert.Equal(a.Select(x => x >> 5 & 0x7FF), Snippet.Map<uint>("bfe.u32 y, a, 5, 11;", a));
        Assert.Equal(a.Select(x => (uint)((int)(x << 16) >> 21)), Snippet.Map<uint>("bfe.s32 y, a, 5, 11;", a));
        Assert.Equal(a.Select(x => (uint)((int)x >> 28)), Snippet.Map<uint>("bfe.s32 y, a, 28, 11;", a));
        Assert.Equal(a.Select(_ => 0u), Snippet.Map<uint>("bfe.s32 y, a, 3, 0;", a));
        Assert.Equal(a.Zip(b, (x, y) => (y & ~0xFF0u) | (x & 0xFF) << 4), Snippet.Map<uint>("bfi.b32 y, a, b, 4, 8;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => (y & ~0xF0000000u) | x << 28), Snippet.Map<uint>("bfi.b32 y, a, b, 28, 8;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => (x >> 24) | (y & 0xFF) << 8 | (x & 0xFF) << 16 | ((y >> 31) * 0xFF) << 24), Snippet.Map<uint>("prmt.b32 y, a, b, 0xF043;", a, b));
        uint[] c = Samples.UInt32(14);
        Assert.Equal(a.Zip(b, c).Select(t => t.First ^ t.Second ^ t.Third), Snippet.Map<uint>("lop3.b32 y, a, b, c, 0x96;", a, b, c));
        Assert.Equal(a.Zip(b, c).Select(t => (t.First & t.Second) | ~t.Third), Snippet.Map<uint>("lop3.b32 y, a, b, c, 0xD5;", a, b, c));
        Assert.Equal(a.Zip(b, (x, y) => (uint)(((ulong)y << 32 | x) << 7 >> 32)), Snippet.Map<uint>("shf.l.wrap.b32 y, a, b, 39;", a, b));
        Assert.Equal(a.Zip(b, (x, y) => (uint)(((ulong)y << 32 | x) >> 7)), Snippet.Map<uint>("shf.r.clamp.b32 y, a, b, 7;", a, b));
        Assert.Equal(b, Snippet.Map<uint>("shf.r.clamp.b32 y, a, b, 39;", a, b));
    }

    [Fact]
    public void DotProductsOfBytes()
    {
        uint[] a = Samples.UInt32(15);
        uint[] b = Samples.UInt32(16);
        uint[] c = Samples.UInt32(17);
        Assert.Equal(
            a.Zip(b, c).Select(t => t.Third + (uint)Enumerable.Range(0, 4).Sum(i => (sbyte)(t.First >> (8 * i)) * (sbyte)(t.Second >> (8 * i)))),
            Snippet.Map<uint>("dp4a.s32.s32 y, a, b, c;", a, b, c));
        Assert.Equal(
            a.Zip(b, c).Select(t => t.Third + (uint)Enumerable.Range(0, 4).Sum(i => (byte)(t.First >> (8 * i)) * (sbyte)(t.Second >> (8 * i)))),
            Snippet.Map<uint>("dp4a.u32.s32 y, a, b, c;", a, b, c));
    }
}
