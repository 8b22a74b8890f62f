using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

// Each planted mistake, and the sentence it must be answered with.
public sealed class FailureTests
{
    [Fact]
    public void AFailureNamesKernelInstructionLineBlockAndThread()
    {
        PtxFailure failure = Assert.Throws<PtxFailure>(() => Snippet.Run(
            "mov.u32 r0, %ctaid.x;\nmad.lo.u32 r0, r0, 32, tid; // no guard\nmad.wide.u32 l0, r0, 4, %rd; st.global.u32 [l0],\tr0;", 32, 40, blocks: 2));
        Assert.Equal("Snippet", failure.Kernel);
        Assert.Equal("st.global.u32 [l0], r0", failure.Instruction);
        Assert.Equal(11, failure.Line);
        Assert.Contains("block (1, 0), thread 8: address 0x2000000a0 (4 bytes) lies 0 bytes behind the allocation of 160 bytes at 0x200000000", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ld.global.u32 r0, [%rd+2];", "is not a multiple of 4")]
    [InlineData("ld.global.v4.u32 {r0, r1, r2, r3}, [%rd+8];", "is not a multiple of 16")]
    [InlineData("mov.u32 r0, 4; st.shared.u64 [r0], %rd;", "is not a multiple of 8")]
    [InlineData("ld.global.u32 r0, [%rd+256];", "lies 0 bytes behind the allocation of 256 bytes")]
    [InlineData("ld.global.u32 r0, [%rd-4];", "lies before every allocation")]
    [InlineData("mov.u64 l0, 0; ld.global.u32 r0, [l0];", "lies before every allocation")]
    [InlineData("ld.global.u64 l0, [%rd+256];", "behind the allocation")]
    [InlineData("atom.global.add.u32 r0, [%rd+1024], 1;", "behind the allocation")]
    [InlineData("st.shared.u32 [dynamic+512], tid;", "do not lie in the block's 512 bytes of shared memory")]
    [InlineData("mov.u32 r0, 0xFFFFFFF0; st.shared.u32 [r0], tid;", "do not lie in the block's 512 bytes of shared memory")]
    [InlineData(".local .align 4 .b8 own[16]; st.local.u32 [own+16], tid;", "do not lie in the thread's 16 bytes of local memory")]
    [InlineData("ld.param.u32 r0, [result+8];", "do not lie in the kernel's 8 bytes of parameters")]
    [InlineData("ld.shared.u32 r0, [dynamic];", "reads shared memory at 0 that nobody has written")]
    [InlineData("st.shared.u8 [dynamic], h0;", "reads h0, which nothing has written")]
    [InlineData("add.u32 r0, r1, 1;", "reads r1, which nothing has written")]
    [InlineData("@p0 ret;", "reads p0, which nothing has written")]
    [InlineData("setp.eq.u32 p0, tid, 3; @p0 mov.u32 r1, 5; add.u32 r0, r1, 1;", "reads r1, which nothing has written")]
    [InlineData("LOOP: bra LOOP;", "a loop without end?")]
    [InlineData("trap;", "the kernel stops itself")]
    [InlineData("mov.u32 r0, tid; TABLE: .branchtargets A; brx.idx r0, TABLE; A: ret;", "index 1 is not below the 1 targets")]
    public void WhatAThreadDoesWrong(string code, string reason) => Refused(code, reason);

    [Theory]
    [InlineData("add.u32 r0, missing, 1;", "missing is not declared")]
    [InlineData("add.u32 missing, r0, 1;", "missing is not declared")]
    [InlineData("bra NOWHERE;", "the label NOWHERE is not declared")]
    [InlineData("A: A: ret;", "the label A stands here twice")]
    [InlineData(".reg .b32 r0;", "r0 is declared twice")]
    [InlineData("{ .reg .b32 inner; mov.u32 inner, 1; } mov.u32 r0, inner;", "inner is not declared")]
    [InlineData("add.u32 l0, l1, l2;", "l0 has 8 bytes where 4 are needed")]
    [InlineData("add.u64 l0, r1, 5;", "r1 has 4 bytes where 8 are needed")]
    [InlineData("ld.global.u64 r0, [%rd];", "r0 has 4 bytes where 8 are needed")]
    [InlineData("add.rz.f32 f0, f1, f2;", "\".rz\" is not known here")]
    [InlineData("wgmma.fence.sync.aligned;", "is not known here")]
    [InlineData("frobnicate.u32 r0, r1;", "frobnicate is not known here")]
    [InlineData("add.u32 r0, r1;", "2 operands are too few")]
    [InlineData("ld.global.v4.u32 {r0, r1}, [%rd];", "do not fit")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {f0, f1, f2}, {r0, r1, r2, r3}, {r4, r5}, {f0, f1, f2, f3};", "must have 4 registers, not 3")]
    [InlineData("shfl.idx.b32 r0, r1, 0, 31;", "without .sync")]
    [InlineData("mov.u32 r0, %clock;", "%clock is not declared")]
    [InlineData("mov.u32 r0, 5q;", "\"5q\" is not a number")]
    [InlineData("mov.u32 r0, ]", "']' is not expected here")]
    public void WhatIsNoPtx(string code, string reason) => Refused(code, reason);

    [Theory]
    [InlineData("ld.shared.u32 r2, [r1];", "that thread 32 wrote, without a barrier between: a race")]
    [InlineData("st.shared.u32 [r1], tid;", "that thread 32 wrote, without a barrier between: a race")]
    [InlineData("bar.warp.sync -1; ld.shared.u32 r2, [r1];", "that thread 32 wrote, without a barrier between: a race")]
    public void ARaceBetweenWarps(string second, string reason) => Refused(
        // The first warp waits until the second has written: barriers of their own, which order nothing between the two.
        $"mul.lo.u32 r0, tid, 4; xor.b32 r1, r0, 128; setp.ge.u32 p0, tid, 32; @p0 bra WRITE; bar.sync 1, 32; {second} ret; WRITE: st.shared.u32 [r0], tid; bar.sync 2, 32;",
        reason);

    [Fact]
    public void ARaceIsSeenWhicheverWarpRunsFirst()
    {
        const string Exchange = "mul.lo.u32 r0, tid, 4; st.shared.u32 [r0], tid; bar.sync 0; setp.ge.u32 p0, tid, 32; xor.b32 r1, r0, 128; ld.shared.u32 r2, [r1]; ";
        Refused(Exchange + "@p0 st.shared.u32 [r0], r2;", "that thread 0 read, without a barrier between: a race");
        Refused(Exchange + "@!p0 st.shared.u32 [r0], r2;", "that thread 0 wrote, without a barrier between: a race");
        Refused("st.shared.u32 [dynamic], tid;", "that thread 0 wrote, without a barrier between: a race");
        Refused("st.shared.u32 [dynamic], 0; bar.sync 0; atom.shared.add.u32 r0, [dynamic], 1; ld.shared.u32 r1, [dynamic];", "without a barrier between: a race");
    }

    [Fact]
    public void ARaceWithinAWarp()
    {
        const string Write = "mul.lo.u32 r0, tid, 4; st.shared.u32 [r0], tid; xor.b32 r1, r0, 4; ";
        Refused(Write + "ld.shared.u32 r2, [r1];", "that thread 1 wrote, without a barrier between: a race", threads: 32);
        Refused(Write + "bar.warp.sync -1; ld.shared.u32 r2, [r1]; st.shared.u32 [r0], r2;", "that thread 1 read, without a barrier between: a race", threads: 32);
        Snippet.Run(Write + "bar.warp.sync -1; ld.shared.u32 r2, [r1]; bar.warp.sync -1; st.shared.u32 [r0], r2;", 32, 32, shared: 512);
        Snippet.Run(Write + "shfl.sync.idx.b32 r3, tid, 0, 31, -1; ld.shared.u32 r2, [r1];", 32, 32, shared: 512);
    }

    [Fact]
    public void WhatIsNoRace()
    {
        Snippet.Run("st.shared.u32 [dynamic], 7; bar.warp.sync -1; ld.shared.u32 r0, [dynamic];", 32, 32, shared: 512);
        Snippet.Run("st.shared.u32 [dynamic], 7; bar.sync 0; ld.shared.u32 r0, [dynamic]; bar.sync 0; st.shared.u32 [dynamic], 8;", 64, 32, shared: 512);
        Snippet.Run("st.shared.u32 [dynamic], 0; bar.sync 0; atom.shared.add.u32 r0, [dynamic], 1; bar.sync 0; ld.shared.u32 r0, [dynamic];", 64, 32, shared: 512);
        Snippet.Run("st.shared.u32 [dynamic], 0; bar.sync 0; setp.eq.u32 p0, tid, 0; @p0 st.volatile.shared.u32 [dynamic], 5; ld.volatile.shared.u32 r0, [dynamic];", 64, 32, shared: 512);
    }

    [Theory]
    [InlineData("setp.lt.u32 p0, tid, 32; @p0 ret; bar.sync 0;", "32 of 64 threads have come (warp 0 has ended)")]
    [InlineData("setp.lt.u32 p0, tid, 32; @p0 bra A; bar.sync 0; ret;\nA: bar.sync 0;", "warp 1 waits here while warp 0 waits at line 10")]
    [InlineData("setp.lt.u32 p0, tid, 32; @p0 bra A; bar.sync 0; ret;\nA: bar.sync 1;", "the barrier waits for ever: 32 of 64 threads have come (warp 0 waits at line 10)")]
    [InlineData("setp.eq.u32 p0, tid, 40; @p0 ret; bar.sync 0;", "but lanes 0x00000100 have ended")]
    [InlineData("setp.eq.u32 p0, tid, 40; @p0 bra A; bar.sync 0; A: ret;", "but only lanes 0xfffffeff do")]
    [InlineData("setp.eq.u32 p0, tid, 40; @p0 bar.sync 0;", "but only lanes 0x00000100 do")]
    [InlineData("bar.sync 0, 96;", "64 of 96 threads have come")]
    [InlineData("bar.sync 16;", "barriers 0 to 15")]
    public void ABarrierThatIsNotReachedByAll(string code, string reason) => Refused(code, reason);

    [Theory]
    [InlineData("setp.lt.u32 p0, tid, 16; @p0 ldmatrix.sync.aligned.m8n8.x1.shared.b16 {r0}, [dynamic];", "but only lanes 0x0000ffff do")]
    [InlineData("setp.lt.u32 p0, tid, 16; @!p0 bra A; mov.u32 r0, 0; mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {f0, f1, f2, f3}, {r0, r0}, {r0}, {r0, r0, r0, r0}; A: ret;", "but only lanes 0x0000ffff do")]
    [InlineData("setp.lt.u32 p0, tid, 16; @p0 shfl.sync.idx.b32 r0, tid, 0, 31, 0xFFFFFFFF;", "names lanes 0xffff0000, which are elsewhere")]
    [InlineData("shfl.sync.idx.b32 r0, tid, 0, 31, 0xFFFF;", "is not in its own member mask")]
    [InlineData("setp.lt.u32 p0, tid, 16; @p0 shfl.sync.idx.b32 r0, tid, 20, 31, 0xFFFF;", "takes the number of lane 20, which does not take part")]
    [InlineData("setp.lt.u32 p0, tid, 16; @p0 bar.warp.sync -1;", "which are elsewhere")]
    public void WarpsThatAreNotTogether(string code, string reason) => Refused(code, reason, threads: 32);

    [Theory]
    [InlineData("setp.lt.u32 p0, tid, 16; @p0 bra.uni A; A: ret;", "lanes 0x0000ffff of 0xffffffff branch, but .uni promises that all or none do")]
    [InlineData("setp.lt.u32 p0, tid, 16; @!p0 ret; setp.lt.u32 p1, tid, 3; @p1 bra.uni A; A: ret;", "lanes 0x00000007 of 0x0000ffff branch")]
    [InlineData("and.b32 r0, tid, 1; TABLE: .branchtargets A, B; brx.idx.uni r0, TABLE; A: ret; B: ret;", "thread 0 of the warp, but .uni promises")]
    [InlineData("setp.lt.u32 p0, tid, 16; mov.u32 r0, 0; TABLE: .branchtargets A; @p0 brx.idx.uni r0, TABLE; A: ret;", "thread 0 of the warp, but .uni promises")]
    public void APromiseOfUniformBranchesThatIsBroken(string code, string reason) => Refused(code, reason, threads: 32);

    [Fact]
    public void APromiseOfUniformBranchesThatIsKept() => Snippet.Run(
        "setp.lt.u32 p0, tid, 32; @p0 bra.uni A; bra.uni A; A: and.b32 r0, tid, 1; setp.eq.u32 p1, r0, 0; @p1 ret; setp.ne.u32 p2, r0, 0; @p2 bra.uni B; trap; B: ret;", 64, 64);

    [Fact]
    public void FreedMemory()
    {
        using var driver = new PtxDriver();
        nint first = driver.Allocate(64);
        nint second = driver.Allocate(64);
        driver.Free(first);
        GpuFunction function = driver.Load(Snippet.Block("ld.global.u32 r0, [%rd];"));
        driver.Launch(function, new LaunchShape(1, 1, 1), default(KernelArguments).Add((long)second).Bytes);
        PtxFailure failure = Assert.Throws<PtxFailure>(() => driver.Launch(function, new LaunchShape(1, 1, 1), default(KernelArguments).Add((long)first).Bytes));
        Assert.Contains("lies in the allocation of 64 bytes at 0x200000000, which was freed", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAccessAcrossTheEnd()
    {
        using var driver = new PtxDriver();
        nint address = driver.Allocate(20);
        GpuFunction function = driver.Load(Snippet.Block("ld.global.v4.u32 {r0, r1, r2, r3}, [%rd+16];"));
        PtxFailure failure = Assert.Throws<PtxFailure>(() => driver.Launch(function, new LaunchShape(1, 1, 1), default(KernelArguments).Add((long)address).Bytes));
        Assert.Contains("runs across the end of the allocation of 20 bytes", failure.Message, StringComparison.Ordinal);
    }

    private static void Refused(string code, string reason, int threads = 64) =>
        Assert.Contains(reason, Assert.Throws<PtxFailure>(() => Snippet.Run(code, threads, 64, shared: 512)).Message, StringComparison.Ordinal);
}
