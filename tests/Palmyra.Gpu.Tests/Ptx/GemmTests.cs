using System.Text.RegularExpressions;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Tests.Ptx.Specimens;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

// A kernel with everything in it that is easy to get wrong, and what happens when it is wrong.
public sealed class GemmTests
{
    private static PtxKernel Kernel => TestCompiler.Compile(typeof(GemmSpecimen), nameof(GemmSpecimen.Gemm), GemmSpecimen.Threads);

    [Theory]
    [InlineData(64, 64, 32)]
    [InlineData(128, 64, 96)]
    [InlineData(256, 128, 256)]
    public void TheSpecimenIsRightAndHasNoConflicts(int m, int n, int k)
    {
        using var driver = new PtxDriver();
        Assert.InRange(Error(driver, Kernel, m, n, k), 0, 1e-12);
        PtxStatistics statistics = driver.LastLaunch!;
        Assert.Equal(0, statistics.BankConflicts);
        Assert.Equal((long)m * n * k / (16 * 8 * 16), statistics.TensorOperations);
        Assert.Equal((1, 1), (statistics.ReadEfficiency, statistics.WriteEfficiency));
    }

    [Fact]
    public void AMissingWaitIsRefused() => Refused("cp.async.wait_group 1;", "cp.async.wait_group 2;", "has waited for the cp.async that writes it");

    [Fact]
    public void AMissingBarrierIsRefused() => Refused("bar.sync\t0;", string.Empty, "without a barrier after that wait");

    [Fact]
    public void AMissingSwizzleIsRightButHasConflicts()
    {
        // "r / 2 % 4" becomes 0 wherever it stands: eight rows of a pass then share eight banks instead of 32.
        string flat = Regex.Replace(Kernel.Text, @"(shr\.s32\s+(%r\d+), %r\d+, 1;\s+and\.b32\s+%r\d+, \2, )3;", "${1}0;");
        using var driver = new PtxDriver();
        Assert.InRange(Error(driver, Kernel with { Text = flat }, 64, 64, 64), 0, 1e-12);
        Assert.All(driver.LastLaunch!.BankConflictsByInstruction, one => Assert.Contains("ldmatrix", one.Key, StringComparison.Ordinal));

        // Two steps of two halves, in each four ldmatrix of four passes by each of four warps; every pass becomes four.
        Assert.Equal(2 * 2 * 4 * 4 * 4 * 3, driver.LastLaunch.BankConflicts);
    }

    [Fact]
    public void ASwizzleOnOneSideOnlyIsRefused() => Refused("xor.b32", "or.b32 ", "shared memory");

    [Fact]
    public void ASwappedFragmentGivesWrongNumbers()
    {
        using var driver = new PtxDriver();
        Assert.True(Error(driver, Mutated("{a0, a1, a2, a3}, {b0, b1}", "{a0, a1, a2, a3}, {b1, b0}"), 64, 64, 64) > 1e-3);
    }

    [Fact]
    public void AnUndeclaredRegisterIsRefused() => Refused("add.u32 pa, sb", "add.u32 pz, sb", "pz is not declared");

    private static void Refused(string right, string wrong, string reason)
    {
        using var driver = new PtxDriver();
        Assert.Contains(reason, Assert.Throws<PtxFailure>(() => Error(driver, Mutated(right, wrong), 64, 64, 128)).Message, StringComparison.Ordinal);
    }

    private static PtxKernel Mutated(string right, string wrong)
    {
        Assert.Contains(right, Kernel.Text, StringComparison.Ordinal);
        return Kernel with { Text = Kernel.Text.Replace(right, wrong, StringComparison.Ordinal) };
    }

    private static double Error(PtxDriver driver, PtxKernel kernel, int m, int n, int k)
    {
        ushort[] a = Brain(Numbers.Spread(1, m * k));
        ushort[] w = Brain(Numbers.Spread(2, n * k));
        nint result = driver.Allocate(4L * m * n);
        KernelArguments arguments = default(KernelArguments).Add((long)driver.Upload(a)).Add((long)driver.Upload(w)).Add((long)result).Add(n).Add(k);
        driver.Launch(
            driver.Load(kernel), new LaunchShape(n / GemmSpecimen.Tile, m / GemmSpecimen.Tile, GemmSpecimen.Threads, GemmSpecimen.Stages * GemmSpecimen.StageBytes), arguments.Bytes);
        float[] expected = new float[m * n];
        for (int row = 0; row < m; row++)
        {
            for (int column = 0; column < n; column++)
            {
                double sum = 0;
                for (int i = 0; i < k; i++)
                {
                    sum += (double)Single(a[(row * k) + i]) * Single(w[(column * k) + i]);
                }

                expected[(row * n) + column] = (float)sum;
            }
        }

        return Numbers.SquaredError(expected, driver.Download<float>(result, m * n));
    }

    private static ushort[] Brain(float[] values) => [.. values.Select(value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))];

    private static float Single(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
