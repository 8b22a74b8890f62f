using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class AsyncCopyTests
{
    // Thread t writes t + 1 to the buffer, then copies from there; all its own, so nothing but the copies is looked at.
    private const string Fill = "add.u32 r0, tid, 1; mad.wide.u32 l0, tid, 16, %rd; st.global.v4.u32 [l0], {r0, r0, r0, r0}; mul.lo.u32 r1, tid, 16;";

    [Theory]
    [InlineData("cp.async.cg.shared.global [r1], [l0], 16;", 4)]
    [InlineData("cp.async.ca.shared::cta.global.L2::128B [r1], [l0], 16;", 4)]
    [InlineData("cp.async.ca.shared.global [r1], [l0], 8;", 2)]
    [InlineData("cp.async.ca.shared.global [r1], [l0], 4;", 1)]
    [InlineData("cp.async.cg.shared.global [r1], [l0], 16, 8;", 2)]
    [InlineData("mov.u32 r9, 0; mov.u64 l9, 0; cp.async.cg.shared.global [r1], [l9], 16, r9;", 0)]
    [InlineData("setp.eq.u32 p0, tid, tid; mov.u64 l9, 0; cp.async.cg.shared.global [r1], [l9], 16, p0;", 0)]
    public void CopiesAndFillsWithZeros(string copy, int copied)
    {
        uint[] result = Snippet.Run(
            Fill + "mov.u32 r2, 55; st.shared.v4.u32 [r1], {r2, r2, r2, r2};" + copy +
            "cp.async.commit_group; cp.async.wait_group 0; ld.shared.v4.u32 {r3, r4, r5, r6}, [r1]; st.global.v4.u32 [l0], {r3, r4, r5, r6};",
            threads: 32,
            results: 128,
            shared: 512);
        int bytes = copy.Contains(" 16", StringComparison.Ordinal) ? 4 : copy.Contains(" 8;", StringComparison.Ordinal) ? 2 : 1;
        for (int i = 0; i < 128; i++)
        {
            Assert.Equal(i % 4 < copied ? (uint)(i / 4) + 1 : i % 4 < bytes ? 0u : 55u, result[i]);
        }
    }

    [Fact]
    public void WaitingLeavesTheLatestGroupsUnderWay()
    {
        const string Copy = "cp.async.cg.shared.global [r1], [l0], 16; cp.async.commit_group; cp.async.cg.shared.global [r1+512], [l0], 16; cp.async.commit_group;";
        Snippet.Run(Fill + Copy + "cp.async.wait_group 1; ld.shared.u32 r2, [r1];", 32, 128, shared: 1024);
        Refused("before thread 0 has waited", Fill + Copy + "cp.async.wait_group 1; ld.shared.u32 r2, [r1+512];");
        Snippet.Run(Fill + Copy + "cp.async.wait_group 0; ld.shared.u32 r2, [r1+512];", 32, 128, shared: 1024);
        Snippet.Run(Fill + "cp.async.cg.shared.global [r1], [l0], 16; cp.async.wait_all; ld.shared.u32 r2, [r1];", 32, 128, shared: 1024);
        Refused("before thread 0 has waited", Fill + "cp.async.cg.shared.global [r1], [l0], 16; cp.async.wait_group 0; ld.shared.u32 r2, [r1];");
    }

    [Fact]
    public void ReadingBeforeTheWaitIsRefused()
    {
        const string Copy = Fill + "cp.async.cg.shared.global [r1], [l0], 16; cp.async.commit_group;";
        Refused("reads shared memory at 0 before thread 0 has waited for the cp.async", Copy + "ld.shared.u32 r2, [r1];");
        Refused("before thread 0 has waited", Copy + "bar.sync 0; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {r2}, [r1];");
        Refused("writes shared memory at 0 before thread 0 has waited", Copy + "st.shared.u32 [r1], r0;");
        Refused("writes shared memory at 0 before thread 0 has waited", Copy + "cp.async.cg.shared.global [r1], [l0], 16;");
        Refused("writes shared memory at 0 before thread 0 has waited", Copy + "mov.u32 r2, 0; atom.shared.add.u32 r2, [r1], 1;");
    }

    [Fact]
    public void AnotherThreadsDataNeedABarrierAfterTheWait()
    {
        const string Copy = Fill + "cp.async.cg.shared.global [r1], [l0], 16; cp.async.commit_group; xor.b32 r3, r1, 16;";
        Snippet.Run(Copy + "cp.async.wait_group 0; bar.sync 0; ld.shared.u32 r2, [r3];", 32, 128, shared: 1024);
        Snippet.Run(Copy + "cp.async.wait_group 0; bar.warp.sync -1; ld.shared.u32 r2, [r3];", 32, 128, shared: 1024);
        Refused("that thread 1 copied with cp.async and waited for, without a barrier after that wait", Copy + "cp.async.wait_group 0; ld.shared.u32 r2, [r3];");
        Refused("without a barrier after that wait", Copy + "bar.sync 0; cp.async.wait_group 0; ld.shared.u32 r2, [r3];");
        Refused("without a barrier after that wait", Copy + "cp.async.wait_group 0; shfl.sync.idx.b32 r4, r0, 0, 31, -1; ld.shared.u32 r2, [r3];");
    }

    [Fact]
    public void CopyingOverWhatOthersStillReadIsRefused()
    {
        const string Read = Fill + "st.shared.u32 [r1], r0; bar.sync 0; xor.b32 r3, r1, 512; ld.shared.u32 r2, [r3]; setp.ge.u32 p0, tid, 32; ";
        Snippet.Run(Read + "bar.sync 0; cp.async.cg.shared.global [r1], [l0], 16;", 64, 256, shared: 1024);
        Refused("that thread 0 read, without a barrier between", Read + "@p0 cp.async.cg.shared.global [r1], [l0], 16;", threads: 64);
    }

    [Theory]
    [InlineData("cp.async.cg.shared.global [r1], [l0], 8;", "cp.async.cg 16")]
    [InlineData("cp.async.ca.shared.global [r1], [l0], 12;", "4, 8 or 16")]
    [InlineData("cp.async.cg.shared.global [r1+4], [l0], 16;", "is not a multiple of 16")]
    [InlineData("cp.async.cg.shared.global [r1], [l0+8], 16;", "is not a multiple of 16")]
    [InlineData("cp.async.cg.shared.global [r1], [l0], 16, 20;", "source size 20")]
    [InlineData("cp.async.cg.shared.global [r1+2048], [l0], 16;", "do not lie in the block's 1024 bytes")]
    [InlineData("cp.async.cg.shared.global [r1], [l0+4096], 16;", "behind the allocation")]
    public void WrongCopiesAreRefused(string copy, string reason) => Refused(reason, Fill + copy);

    private static void Refused(string reason, string code, int threads = 32) =>
        Assert.Contains(reason, Assert.Throws<PtxFailure>(() => Snippet.Run(code, threads, 4 * threads, shared: 1024)).Message, StringComparison.Ordinal);
}
