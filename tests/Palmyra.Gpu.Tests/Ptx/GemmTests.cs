using System.Diagnostics;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Tests.Ptx.Specimens;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;
using Xunit.Abstractions;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class GemmTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(64, 64, 32)]
    [InlineData(128, 64, 96)]
    [InlineData(256, 128, 256)]
    public void TheSpecimenIsRightAndFreeOfConflicts(int m, int n, int k)
    {
        using var driver = new PtxDriver();
        Assert.True(Error(driver, TestCompiler.Compile(typeof(GemmSpecimen), nameof(GemmSpecimen.Gemm), GemmSpecimen.Threads), m, n, k) < 1e-12);
        PtxStatistics statistics = driver.LastLaunch!;
        Assert.Equal(0, statistics.BankConflicts);
        Assert.Equal((long)m * n * k / (16 * 8 * 16), statistics.TensorOperations);
        output.WriteLine($"{statistics}");
    }

    private double Error(PtxDriver driver, PtxKernel kernel, int m, int n, int k)
    {
        ushort[] a = Brain(Numbers.Spread(1, m * k));
        ushort[] w = Brain(Numbers.Spread(2, n * k));
        nint deviceA = driver.Upload(a);
        nint deviceW = driver.Upload(w);
        nint deviceC = driver.Allocate(4L * m * n);
        KernelArguments arguments = default(KernelArguments).Add((long)deviceA).Add((long)deviceW).Add((long)deviceC).Add(n).Add(k);
        GpuFunction function = driver.Load(kernel);
        for (int i = 0; i < 3; i++)
        {
            var watch = Stopwatch.StartNew();
            driver.Launch(function, new LaunchShape(n / GemmSpecimen.Tile, m / GemmSpecimen.Tile, GemmSpecimen.Threads, GemmSpecimen.Stages * GemmSpecimen.StageBytes), arguments.Bytes);
            output.WriteLine($"{m}x{n}x{k}: {watch.Elapsed.TotalMilliseconds:F1} ms");
        }

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

        return Numbers.SquaredError(expected, driver.Download<float>(deviceC, m * n));
    }

    private static ushort[] Brain(float[] values) => [.. values.Select(value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))];

    private static float Single(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
