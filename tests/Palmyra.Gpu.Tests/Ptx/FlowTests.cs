using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class FlowTests
{
    [Fact]
    public void LanesPartAndMeetAgain() => Assert.Equal(
        Enumerable.Range(0, 32).Select(i => (uint)(i % 2 == 0 ? 10 : 20) + 100 + (31 * 32 / 2)),
        Snippet.Run(
            """
            and.b32 r0, tid, 1; setp.eq.u32 p0, r0, 0; @p0 bra EVEN;
            mov.u32 r1, 20; bra MEET;
            EVEN: mov.u32 r1, 10;
            MEET: redux.sync.add.u32 r2, tid, 0xFFFFFFFF; add.u32 r1, r1, r2; add.u32 r1, r1, 100; st.global.u32 [mine], r1;
            """,
            32,
            32));

    [Fact]
    public void TheOtherWayMayStandBehindTheEnd() => Assert.Equal(
        Enumerable.Range(0, 64).Select(i => i == 3 ? 7u : 0),
        Snippet.Run(
            """
            mov.u32 r0, 0; setp.eq.u32 p0, tid, 3; @p0 bra RARE;
            BACK: bar.sync 0; st.global.u32 [mine], r0; ret;
            RARE: mov.u32 r0, 7; bra.uni BACK;
            """,
            64,
            64));

    [Fact]
    public void LoopsEndForEachLaneOnItsOwn() => Assert.Equal(
        Enumerable.Range(0, 32).Select(i => (uint)(i * (i + 1) / 2)),
        Snippet.Run(
            """
            mov.u32 r0, 0; mov.u32 r1, 0;
            LOOP: setp.gt.u32 p0, r1, tid; @p0 bra DONE; add.u32 r0, r0, r1; add.u32 r1, r1, 1; bra LOOP;
            DONE: bar.warp.sync 0xFFFFFFFF; st.global.u32 [mine], r0;
            """,
            32,
            32));

    [Fact]
    public void LoopsWithBreakAndContinue() => Assert.Equal(
        Enumerable.Range(0, 32).Select(i => (uint)Enumerable.Range(0, 40).TakeWhile(j => j * j <= 10 * i).Where(j => j % 3 != i % 3).Sum()),
        Snippet.Run(
            """
            mov.u32 r0, 0; mov.u32 r1, 0; rem.u32 r5, tid, 3; mul.lo.u32 r6, tid, 10;
            LOOP: setp.ge.u32 p0, r1, 40; @p0 bra DONE; mul.lo.u32 r2, r1, r1; setp.gt.u32 p1, r2, r6; @p1 bra DONE;
            rem.u32 r3, r1, 3; setp.eq.u32 p2, r3, r5; @p2 bra NEXT; add.u32 r0, r0, r1;
            NEXT: add.u32 r1, r1, 1; bra LOOP;
            DONE: bar.warp.sync 0xFFFFFFFF; st.global.u32 [mine], r0;
            """,
            32,
            32));

    [Fact]
    public void IndexedBranches() => Assert.Equal(
        Enumerable.Range(0, 32).Select(i => (uint)((i % 4) switch { 0 => 5, 1 => 6, 2 => 5, _ => 99 })),
        Snippet.Run(
            """
            and.b32 r0, tid, 3; setp.lt.s32 p0, r0, 0; setp.ge.or.s32 p1, r0, 3, p0; @p1 bra OTHER;
            TABLE: .branchtargets A, B, A;
            brx.idx r0, TABLE;
            A: mov.u32 r1, 5; bra END;
            B: mov.u32 r1, 6; bra END;
            OTHER: mov.u32 r1, 99;
            END: bar.warp.sync 0xFFFFFFFF; st.global.u32 [mine], r1;
            """,
            32,
            32));

    [Fact]
    public void LanesMayEndEarly() => Assert.Equal(
        Enumerable.Range(0, 32).Select(i => i < 10 ? (uint)i + 5 : uint.MaxValue),
        Snippet.Run("setp.ge.u32 p0, tid, 10; @p0 ret; add.u32 r0, tid, 5; bar.warp.sync 0xFFFFFFFF; st.global.u32 [mine], r0;", 32, 32));

    [Fact]
    public void NamesInBracesHideThoseOutside() => Assert.Equal(
        [3u, 4u],
        Snippet.Run(
            """
            mov.u32 r0, 1;
            { .reg .b32 t; .reg .b32 r0; mov.u32 r0, 3; mov.u32 t, r0; bra HERE; mov.u32 t, 9; HERE: st.global.u32 [%rd], t; }
            { .reg .b32 t; mov.u32 t, 5; bra HERE; mov.u32 t, 9; HERE: sub.u32 t, t, r0; st.global.u32 [%rd+4], t; }
            """,
            1,
            2));

    [Fact]
    public void CalledFunctionsHaveTheirOwnNamesAndEnds()
    {
        const string Text =
            """
            .version 8.0
            .target sm_80
            .address_size 64
            .visible .func (.param .b32 out) twice(.param .b32 x, .param .b64 at);
            .visible .func (.param .b32 out) twice(.param .b32 x, .param .b64 at)
            {
                .reg .b32 %r<4>; .reg .b64 %rd<2>; .reg .pred %p<2>;
                ld.param.b32 %r1, [x]; ld.param.b64 %rd1, [at]; setp.gt.u32 %p1, %r1, 20; @%p1 bra L;
                cvta.to.local.u64 %rd1, %rd1; st.local.b32 [%rd1], %r1; add.u32 %r2, %r1, %r1; st.param.b32 [out], %r2; ret;
                L: st.param.b32 [out], 7; ret;
            }
            .visible .entry K(.param .u64 result)
            {
                .local .align 8 .b8 seen[8];
                .reg .b32 %r<8>; .reg .b64 %rd<8>;
                ld.param.u64 %rd1, [result]; mov.u32 %r1, %tid.x; mad.wide.u32 %rd1, %r1, 4, %rd1; mov.b64 %rd2, seen; st.local.b32 [seen], 0;
                { .param .b32 a; st.param.b32 [a], %r1; .param .b64 b; cvta.local.u64 %rd3, %rd2; st.param.b64 [b], %rd3; .param .b32 r; call.uni (r), twice, (a, b); ld.param.b32 %r2, [r]; }
                { .param .b32 a; st.param.b32 [a], %r2; .param .b64 b; cvta.local.u64 %rd3, %rd2; st.param.b64 [b], %rd3; .param .b32 r; call.uni (r), twice, (a, b); ld.param.b32 %r3, [r]; }
                ld.local.b32 %r4, [%rd2]; shl.b32 %r4, %r4, 16; or.b32 %r3, %r3, %r4; bar.sync 0; st.global.b32 [%rd1], %r3; ret;
            }
            """;
        using var driver = new PtxDriver();
        nint result = driver.Allocate(32 * 4);
        driver.Launch(
            driver.Load(new Palmyra.Gpu.Driver.PtxKernel("Call", "K", Text, 32)), new Palmyra.Gpu.Driver.LaunchShape(1, 1, 32), default(Palmyra.Gpu.Driver.KernelArguments).Add((long)result).Bytes);
        uint Twice(uint x, ref uint seen)
        {
            seen = x > 20 ? seen : x;
            return x > 20 ? 7 : 2 * x;
        }

        for (uint i = 0; i < 32; i++)
        {
            uint seen = 0;
            uint value = Twice(Twice(i, ref seen), ref seen);
            Assert.Equal(value | seen << 16, driver.Download<uint>(result, 32)[i]);
        }
    }

    [Fact]
    public void BlocksRunFromTheFirstOrFromTheLast()
    {
        // Each block notes how many came before it; a kernel that relies on the order shows by giving another result in the other one.
        const string Code = "setp.ne.u32 p0, tid, 0; @p0 ret; mov.u32 r0, %ctaid.x; mov.u32 r1, %ctaid.y; mad.lo.u32 r0, r1, 3, r0; " +
            "mad.wide.u32 l0, r0, 4, %rd; atom.global.add.u32 r2, [%rd+24], 1; st.global.u32 [l0], r2;";
        foreach (bool reversed in (bool[])[false, true])
        {
            using var driver = new PtxDriver { ReverseBlocks = reversed };
            nint result = driver.Upload(new uint[7]);
            driver.Launch(driver.Load(Snippet.Block(Code)), new LaunchShape(3, 2, 32), default(KernelArguments).Add((long)result).Bytes);
            Assert.Equal(reversed ? [5u, 4, 3, 2, 1, 0, 6] : [0u, 1, 2, 3, 4, 5, 6], driver.Download<uint>(result, 7));
        }
    }
}
