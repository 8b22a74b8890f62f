using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Gpu.Tests.Ptx.Specimens;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

// What ILGPU makes of ordinary kernels gives the numbers that the same C# gives on the host.
public sealed class CompiledTests
{
    [Fact]
    public void Saxpy()
    {
        const int Count = 1000;
        using var driver = new PtxDriver();
        float[] x = Numbers.Spread(1, Count);
        float[] y = Numbers.Spread(2, Count);
        nint deviceX = driver.Upload(x);
        nint deviceY = driver.Upload(y);
        Launch(driver, nameof(OrdinarySpecimens.Saxpy), 4, 256, default(KernelArguments).Add(2f).AddView(deviceX, Count).AddView(deviceY, Count).Add(Count));
        Assert.Equal(x.Zip(y, (a, b) => (2 * a) + b), driver.Download<float>(deviceY, Count));
        Assert.Equal(1, driver.LastLaunch!.ReadEfficiency);
    }

    [Theory]
    [InlineData(1, 64)]
    [InlineData(7, 128)]
    [InlineData(40, 32)]
    public void TheLastBlockAddsWhatTheBlocksFound(int blocks, int threads)
    {
        const int Count = 3000;
        using var driver = new PtxDriver();
        float[] x = [.. Enumerable.Range(0, Count).Select(i => (float)(i % 17))];
        nint result = driver.Upload(new float[1]);
        KernelArguments arguments = default(KernelArguments).AddView(driver.Upload(x), Count).AddView(driver.Allocate(4 * blocks), blocks)
            .AddView(driver.Upload(new int[1]), 1).AddView(result, 1).Add(Count);
        Launch(driver, nameof(OrdinarySpecimens.Sum), blocks, threads, arguments);
        Assert.Equal(x.Sum(), driver.Download<float>(result, 1)[0]);
        Assert.Equal(0, driver.LastLaunch!.BankConflicts);
    }

    [Fact]
    public void HalvesAndBrainFloats()
    {
        const int Count = 256;
        using var driver = new PtxDriver();
        Half[] halves = [.. Numbers.Spread(3, Count, 4).Select(value => (Half)value)];
        ushort[] brains = [.. Numbers.Spread(4, Count, 4).Select(value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))];
        nint[] results = [driver.Allocate(4 * Count), driver.Allocate(2 * Count), driver.Allocate(2 * Count), driver.Allocate(4 * Count)];
        KernelArguments arguments = default(KernelArguments).AddView(driver.Upload(halves), Count).AddView(driver.Upload(brains), Count);
        foreach (nint result in results)
        {
            arguments = arguments.AddView(result, Count);
        }

        Launch(driver, nameof(OrdinarySpecimens.Narrow), Count / 64, 64, arguments);
        float[] products = driver.Download<float>(results[0], Count);
        Half[] half = driver.Download<Half>(results[1], Count);
        ushort[] brain = driver.Download<ushort>(results[2], Count);
        uint[] pairs = driver.Download<uint>(results[3], Count);
        for (int i = 0; i < Count; i++)
        {
            Assert.Equal((float)halves[i] * BitConverter.UInt32BitsToSingle((uint)brains[i] << 16), products[i]);
            Assert.Equal((Half)products[i], half[i]);
            Assert.Equal((uint)brain[i] << 16 | (uint)(brain[i] ^ 0x8000), pairs[i]);
            Assert.InRange(Math.Abs(BitConverter.UInt32BitsToSingle((uint)brain[i] << 16) - products[i]), 0, Math.Abs(products[i]) / 256);
        }
    }

    [Fact]
    public void QuantisedBytes()
    {
        const int Rows = 64;
        const int PerRow = 37;
        using var driver = new PtxDriver();
        sbyte[] weights = [.. Numbers.Spread(5, Rows * PerRow, 127).Select(value => (sbyte)value)];
        byte[] other = [.. Numbers.Spread(6, PerRow, 127).Select(value => (byte)(value + 128))];
        float[] scales = [.. Enumerable.Range(0, Rows).Select(i => 1f / (1 << (i % 8)))];
        nint result = driver.Allocate(4 * Rows);
        KernelArguments arguments = default(KernelArguments).AddView(driver.Upload(weights), Rows * PerRow).AddView(driver.Upload(other), PerRow)
            .AddView(driver.Upload(scales), Rows).AddView(result, Rows).Add(PerRow);
        Launch(driver, nameof(OrdinarySpecimens.Quantised), 2, 32, arguments);
        Assert.Equal(
            Enumerable.Range(0, Rows).Select(row => Enumerable.Range(0, PerRow).Sum(i => weights[(row * PerRow) + i] * scales[row] * other[i])),
            driver.Download<float>(result, Rows));
    }

    [Fact]
    public void MathematicsAndSwitches()
    {
        const int Count = 150;
        using var driver = new PtxDriver();
        float[] x = Numbers.Spread(7, Count, 5);
        int[] kinds = [.. Enumerable.Range(0, Count).Select(i => i % 7)];
        nint y = driver.Allocate(4 * Count);
        KernelArguments arguments = default(KernelArguments).AddView(driver.Upload(x), Count).AddView(y, Count).AddView(driver.Upload(kinds), Count).Add(Count);
        Launch(driver, nameof(OrdinarySpecimens.Mixed), 3, 64, arguments);
        float[] expected = [.. x.Zip(kinds, (value, kind) => kind switch
        {
            0 => MathF.Exp(value),
            1 => MathF.Sqrt(MathF.Abs(value)),
            2 => MathF.Max(value, 0) + MathF.Floor(value),
            3 => Grow(value),
            4 => 1 / (1 + MathF.Exp(-value)),
            _ => -1,
        })];
        Assert.InRange(Numbers.SquaredError(expected, driver.Download<float>(y, Count)), 0, 1e-12);

        static float Grow(float value)
        {
            for (int j = 0; j < 100 && value <= 50; j++)
            {
                value = (value * 1.5f) + 1;
            }

            return value;
        }
    }

    // ILGPU marks the branches of a loop .uni whose bound differs from lane to lane; with fewer logits than threads some lanes never enter it.
    [Fact]
    public void WhatIlgpuPromisesOfItsBranchesIsNotSo()
    {
        PtxKernel asIs = TestCompiler.CompileAsIs(typeof(Scoring), nameof(Scoring.Score), Scoring.Threads);
        Assert.Contains(".uni", Assert.Throws<PtxFailure>(() => Score(asIs)).Reason, StringComparison.Ordinal);
        Assert.Equal(-Math.Log(100), Score(TestCompiler.Compile(typeof(Scoring), nameof(Scoring.Score), Scoring.Threads)), 1e-6);

        static float Score(PtxKernel kernel)
        {
            using var driver = new PtxDriver();
            nint result = driver.Allocate(4);
            KernelArguments arguments = default(KernelArguments).AddView(driver.Allocate(16), 1).AddView(driver.Upload(new float[100]), 100)
                .AddView(driver.Upload(new int[1]), 1).AddView(result, 1).AddView(0, 0).Add(0).Add(100).Add(100).Add(1).Add(1);
            driver.Launch(driver.Load(kernel), new LaunchShape(1, 1, Scoring.Threads), arguments.Bytes);
            return driver.Download<float>(result, 1)[0];
        }
    }

    [Fact]
    public void CalledFunctions()
    {
        using var driver = new PtxDriver();
        float[] x = Numbers.Spread(8, 64, 0.5f).Select(MathF.Abs).ToArray();
        nint device = driver.Upload(x);
        Launch(driver, nameof(OrdinarySpecimens.Calls), 2, 32, default(KernelArguments).AddView(device, 64).Add(9));
        Assert.Contains("call", TestCompiler.Compile(typeof(OrdinarySpecimens), nameof(OrdinarySpecimens.Calls), 32).Text, StringComparison.Ordinal);
        float[] expected = [.. x.Select((value, i) => Series(value, 9) - Series(1, i))];
        Assert.InRange(Numbers.SquaredError(expected, driver.Download<float>(device, 64)), 0, 1e-12);

        static float Series(float start, int times) => Enumerable.Range(0, times).Sum(i => MathF.Sqrt(start + i));
    }

    private static void Launch(PtxDriver driver, string method, int blocks, int threads, KernelArguments arguments) => driver.Launch(
        driver.Load(TestCompiler.Compile(typeof(OrdinarySpecimens), method, threads)), new LaunchShape(blocks, 1, threads), arguments.Bytes);
}
