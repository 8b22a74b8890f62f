using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class StatisticsTests
{
    [Theory]
    [InlineData("u32", "mul.lo.u32 r0, tid, 4;", 0)]
    [InlineData("u32", "mul.lo.u32 r0, tid, 8;", 1)]
    [InlineData("u32", "mul.lo.u32 r0, tid, 128;", 31)]
    [InlineData("u32", "mul.lo.u32 r0, tid, 132;", 0)]
    [InlineData("u32", "mov.u32 r0, 64;", 0)]
    [InlineData("u16", "mul.lo.u32 r0, tid, 2;", 0)]
    [InlineData("u64", "mul.lo.u32 r0, tid, 8;", 0)]
    [InlineData("u64", "mul.lo.u32 r0, tid, 16;", 2)]
    [InlineData("v4.u32", "mul.lo.u32 r0, tid, 16;", 0)]
    [InlineData("v4.u32", "mul.lo.u32 r0, tid, 32;", 4)]
    [InlineData("v4.u32", "mul.lo.u32 r0, tid, 128;", 28)]
    public void BankConflictsAreExtraPasses(string type, string address, int conflicts)
    {
        string registers = type switch { "v4.u32" => "{r1, r1, r1, r1}", "u64" => "l1", "u16" => "h1", _ => "r1" };
        using var driver = new PtxDriver();
        Snippet.Run(driver, $"mov.u32 r1, 1; mov.u64 l1, 1; mov.u16 h1, 1; {address} st.shared.{type} [r0], {registers};", 32, 32, 1, 8192);
        Assert.Equal(conflicts, driver.LastLaunch!.BankConflicts);
        if (conflicts > 0)
        {
            KeyValuePair<string, long> line = Assert.Single(driver.LastLaunch.BankConflictsByInstruction);
            Assert.Equal(($"line 9: st.shared.{type} [r0], {registers}", (long)conflicts), (line.Key, line.Value));
        }
    }

    [Theory]
    [InlineData(16, 0)]
    [InlineData(32, 4)]
    [InlineData(64, 12)]
    [InlineData(128, 28)]
    [InlineData(144, 0)]
    public void MatricesMoveEightRowsAPass(int stride, int conflicts)
    {
        using var driver = new PtxDriver();
        Snippet.Run(
            driver,
            $"mov.u32 r1, 0; mul.lo.u32 r0, tid, {stride}; st.shared.u32 [r0], r1; st.shared.u32 [r0+4], r1; st.shared.u32 [r0+8], r1; st.shared.u32 [r0+12], r1; bar.sync 0; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {{r4, r5, r6, r7}}, [r0];",
            32, 32, 1, 8192);
        Assert.Equal(conflicts, driver.LastLaunch!.BankConflictsByInstruction.Where(one => one.Key.Contains("ldmatrix", StringComparison.Ordinal)).Sum(one => one.Value));
    }

    [Theory]
    [InlineData("mad.wide.u32 l0, tid, 4, %rd;", "u32", 4, 1.0)]
    [InlineData("mad.wide.u32 l0, tid, 128, %rd;", "u32", 32, 0.125)]
    [InlineData("mad.wide.u32 l0, tid, 8, %rd;", "u32", 8, 0.5)]
    [InlineData("mad.wide.u32 l0, tid, 16, %rd;", "v4.u32", 16, 1.0)]
    [InlineData("mov.u64 l0, %rd;", "u32", 1, 4.0)]
    public void SectorsSayHowWellAWarpReads(string address, string type, int sectors, double efficiency)
    {
        using var driver = new PtxDriver();
        Snippet.Run(driver, $"{address} ld.global.{type} {(type == "u32" ? "r0" : "{r0, r1, r2, r3}")}, [l0];", 32, 1024);
        Assert.Equal(sectors, driver.LastLaunch!.SectorsRead);
        Assert.Equal(efficiency, driver.LastLaunch.ReadEfficiency);
        Assert.Equal(0, driver.LastLaunch.SectorsWritten);
    }

    [Fact]
    public void LaunchesOfAKernelAddUp()
    {
        using var driver = new PtxDriver();
        Snippet.Run(driver, "st.global.u32 [mine], tid;", 64, 64, 3);
        Snippet.Run(driver, "st.global.u32 [mine], tid;", 64, 64, 3);
        PtxStatistics statistics = driver.Statistics["Snippet"];
        Assert.Equal(2, driver.Launches);
        Assert.Equal(2, statistics.Launches);

        // ld.param, mov, mad, st and ret by two warps of three blocks, twice.
        Assert.Equal(2 * 3 * 2 * 5, statistics.Instructions);
        Assert.Equal(32 * statistics.Instructions, statistics.ThreadInstructions);
        Assert.Equal(2 * 3 * 64 * 4, statistics.GlobalBytesWritten);
        Assert.Equal(1, statistics.WriteEfficiency);
    }
}
