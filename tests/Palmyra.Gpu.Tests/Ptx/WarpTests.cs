using System.Numerics;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class WarpTests
{
    // The manual's own pseudocode, written out again.
    [Theory]
    [InlineData("up", 1, 0x0000)]
    [InlineData("up", 3, 0x1800)]
    [InlineData("down", 1, 0x001F)]
    [InlineData("down", 5, 0x181F)]
    [InlineData("down", 2, 0x0013)]
    [InlineData("bfly", 16, 0x001F)]
    [InlineData("bfly", 4, 0x1C1F)]
    [InlineData("bfly", 1, 0x101F)]
    [InlineData("idx", 3, 0x001F)]
    [InlineData("idx", 21, 0x181F)]
    [InlineData("idx", 30, 0x0013)]
    public void Shuffles(string mode, int b, int c)
    {
        uint[] result = Snippet.Run(
            $"mul.lo.u32 r0, tid, 100; shfl.sync.{mode}.b32 r1|p0, r0, {b}, {c}, 0xFFFFFFFF; selp.b32 r2, 1, 0, p0; st.global.u32 [mine], r1; st.global.u32 [mine+128], r2;", 32, 64);
        for (int lane = 0; lane < 32; lane++)
        {
            int clamp = c & 31;
            int segment = c >> 8 & 31;
            int most = (lane & segment) | (clamp & ~segment);
            int least = lane & segment;
            int from = mode switch { "up" => lane - b, "down" => lane + b, "bfly" => lane ^ b, _ => least | (b & ~segment) };
            bool inside = mode == "up" ? from >= most : from <= most;
            Assert.Equal(inside ? 1u : 0, result[32 + lane]);
            Assert.Equal((uint)(inside ? from : lane) * 100, result[lane]);
        }
    }

    [Fact]
    public void ShufflesOfHalfAWarp() => Assert.Equal(
        Enumerable.Range(0, 32).Select(i => i < 16 ? (uint)(i ^ 1) : 99u),
        Snippet.Run("mov.u32 r1, 99; setp.lt.u32 p0, tid, 16; @!p0 bra AFTER; shfl.sync.bfly.b32 r1, tid, 1, 31, 0xFFFF; AFTER: st.global.u32 [mine], r1;", 32, 32));

    [Fact]
    public void Votes()
    {
        uint[] result = Snippet.Run(
            """
            and.b32 r0, tid, 3; setp.eq.u32 p0, r0, 1;
            vote.sync.ballot.b32 r1, p0, -1; vote.sync.any.pred p1, p0, -1; vote.sync.all.pred p2, p0, -1; vote.sync.uni.pred p3, !p2, -1;
            selp.b32 r2, 1, 0, p1; @p2 add.u32 r2, r2, 2; @p3 add.u32 r2, r2, 4; activemask.b32 r3;
            st.global.u32 [mine], r1; st.global.u32 [mine+128], r2; st.global.u32 [mine+256], r3;
            """,
            32,
            96);
        Assert.All(result[..32], ballot => Assert.Equal(0x22222222u, ballot));
        Assert.All(result[32..64], votes => Assert.Equal(5u, votes));
        Assert.All(result[64..], active => Assert.Equal(uint.MaxValue, active));
    }

    [Fact]
    public void Matches()
    {
        uint[] result = Snippet.Run("and.b32 r0, tid, 3; match.any.sync.b32 r1, r0, -1; match.all.sync.b32 r2|p0, r0, -1; @p0 trap; st.global.u32 [mine], r1; st.global.u32 [mine+128], r2;", 32, 64);
        Assert.Equal(Enumerable.Range(0, 32).Select(i => 0x11111111u << (i & 3)), result[..32]);
        Assert.All(result[32..], all => Assert.Equal(0u, all));
    }

    [Theory]
    [InlineData("add.u32", 496u)]
    [InlineData("max.u32", 31u)]
    [InlineData("min.s32", 0u)]
    [InlineData("or.b32", 31u)]
    [InlineData("and.b32", 0u)]
    [InlineData("xor.b32", 0u)]
    public void Reductions(string operation, uint expected) => Assert.All(
        Snippet.Run($"redux.sync.{operation} r0, tid, 0xFFFFFFFF; st.global.u32 [mine], r0;", 32, 32), result => Assert.Equal(expected, result));

    [Fact]
    public void SpecialRegisters()
    {
        uint[] result = Snippet.Run(
            """
            mov.u32 r0, %laneid; mov.u32 r1, %warpid; mov.u32 r2, %ntid.x; mov.u32 r3, %nctaid.x; mov.u32 r4, %lanemask_lt; mov.u32 r5, %ctaid.x; mov.u32 r6, %dynamic_smem_size; mov.u32 r7, WARP_SZ;
            mad.lo.u32 r8, r5, r2, tid; mul.lo.u32 r8, r8, 32; cvt.u64.u32 l0, r8; add.u64 l0, l0, %rd;
            st.global.v4.u32 [l0], {r0, r1, r2, r3}; st.global.v4.u32 [l0+16], {r4, r5, r6, r7};
            """,
            threads: 40,
            results: 2 * 40 * 8,
            blocks: 2,
            shared: 48);
        for (int i = 0; i < 80; i++)
        {
            int thread = i % 40;
            Assert.Equal([(uint)thread % 32, (uint)thread / 32, 40, 2, (1u << (thread % 32)) - 1, (uint)i / 40, 48, 32], result[(8 * i)..(8 * (i + 1))]);
        }
    }

    [Fact]
    public void ReductionsOverABarrier()
    {
        uint[] result = Snippet.Run(
            """
            and.b32 r0, tid, 1; setp.eq.u32 p0, r0, 0;
            bar.red.popc.u32 r1, 0, p0; bar.red.and.pred p1, 0, p0; bar.red.or.pred p2, 0, !p0;
            selp.b32 r2, 1, 0, p1; @p2 add.u32 r2, r2, 2; add.u32 r2, r2, r1; st.global.u32 [mine], r2;
            """,
            96,
            96);
        Assert.All(result, value => Assert.Equal(48u + 2, value));
    }

    [Fact]
    public void NamedBarriersForSomeWarps() => Assert.Equal(
        Enumerable.Range(0, 128).Select(i => (uint)((i / 64 * 64) + ((i + 32) % 64))),
        Snippet.Run(
            """
            .shared .align 4 .b8 s[512]; mul.lo.u32 r0, tid, 4; st.shared.u32 [r0], tid;
            setp.lt.u32 p0, tid, 64; @p0 bra FIRST; bar.sync 2, 64; bra READ; FIRST: barrier.sync.aligned 1, 64; READ:
            xor.b32 r0, r0, 128; ld.shared.u32 r1, [r0]; st.global.u32 [mine], r1;
            """,
            128,
            128));

    [Fact]
    public void WarpsMayExchangeThroughSharedMemoryAfterTheirOwnBarrier() => Assert.Equal(
        Enumerable.Range(0, 32).Select(i => (uint)(i ^ 31)),
        Snippet.Run(".shared .align 4 .b8 s[128]; mul.lo.u32 r0, tid, 4; st.shared.u32 [r0], tid; bar.warp.sync 0xFFFFFFFF; xor.b32 r0, r0, 124; ld.shared.u32 r1, [r0]; st.global.u32 [mine], r1;", 32, 32));

    [Fact]
    public void PopulationOfLaneMasks() => Assert.Equal(
        Enumerable.Range(0, 32).Select(i => (uint)(BitOperations.PopCount((2u << i) - 1) + (31 - i))),
        Snippet.Run("mov.u32 r0, %lanemask_le; popc.b32 r0, r0; mov.u32 r1, %lanemask_gt; popc.b32 r1, r1; add.u32 r0, r0, r1; st.global.u32 [mine], r0;", 32, 32));
}
