using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Tests.Driver;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests;

/// <summary>A GPU's own limits: measured by copies, in memory that is bounded and given back.</summary>
public sealed class GpuSpeedLimitsTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(8192, 256)]
    [InlineData(1024, 256)]
    [InlineData(1000, 250)]
    [InlineData(257, 64)]
    [InlineData(128, 64)]
    public void A_quarter_of_what_is_free_is_copied_and_no_more_than_is_needed(long free, long copied)
    {
        using var driver = new PtxDriver { FreeBytes = free * MiB };
        Assert.Equal(copied * MiB, GpuSpeedLimits.BytesFor(driver));
    }

    [Fact]
    public void Where_there_is_no_room_it_is_said()
    {
        using var driver = new PtxDriver { FreeBytes = GpuBackends.LimitsBytes - 1 };
        using IBackend gpu = new CheckedBackend(InterpretedGpu.Create(driver));
        using ISpeedLimits limits = GpuBackends.LimitsOf(gpu)!;
        Assert.Equal(
            "GPU 0 (Interpreter of PTX) has 127 MiB free beside the model; measuring its bandwidth wants 128 MiB free: "
                + "use a narrower format, a smaller model or a shorter context.",
            Assert.Throws<BackendException>(() => limits.Bandwidth()).Message);
        Assert.Equal(0, driver.Allocations);
    }

    [Fact]
    public void Nothing_is_taken_before_the_first_measurement_and_all_is_given_back()
    {
        using var driver = new PtxDriver { FreeBytes = GpuBackends.LimitsBytes };
        using IBackend gpu = new CheckedBackend(InterpretedGpu.Create(driver));
        using (ISpeedLimits limits = GpuBackends.LimitsOf(gpu)!)
        {
            Assert.Equal(0, driver.Allocations);
            Assert.True(limits.Bandwidth() > 0);
            Assert.True(limits.Bandwidth() > 0);
            Assert.Equal((2, 0L), (driver.Allocations, driver.FreeBytes));
        }

        Assert.Equal((0, GpuBackends.LimitsBytes), (driver.Allocations, driver.FreeBytes));
    }

    [Fact]
    public void What_the_device_takes_for_a_copy_is_what_counts()
    {
        using var cuda = new FakeCuda();
        using CudaDriver driver = cuda.OpenDevice();
        using (var limits = new GpuSpeedLimits(driver, MiB))
        {
            // The fake device's events are 1.5 ms apart.
            Assert.Equal(2.0 * MiB / 1.5e-3 / 1e9, limits.Bandwidth(), 1e-9);
            Assert.Null(limits.Peak());
            Assert.Null(limits.PeakMeaning);
        }

        Assert.Contains($"MemcpyDtoDAsync {MiB}", cuda.Calls);
        Assert.Equal(cuda.Calls.Count(call => call.StartsWith("MemAlloc", StringComparison.Ordinal)), cuda.Calls.Count(call => call == "MemFree"));
    }

    [Fact]
    public void A_second_buffer_without_room_takes_the_first_along()
    {
        using var driver = new PtxDriver { FreeBytes = (2 * MiB) - 1 };
        using var limits = new GpuSpeedLimits(driver, MiB);
        Assert.Throws<BackendException>(() => limits.Bandwidth());
        Assert.Equal((0, (2 * MiB) - 1), (driver.Allocations, driver.FreeBytes));
    }

    [Fact]
    public void Measuring_between_steps_costs_them_no_graph()
    {
        using var driver = new WatchedDriver();
        using GpuBackend gpu = InterpretedGpu.Create(driver);
        using Tensor x = OpCases.Tensor(gpu, 4, 8, Numbers.Spread(1, 32));
        using ISpeedLimits limits = new GpuSpeedLimits(gpu.Driver, MiB);
        var batch = new Batch();
        batch.Add([1], 0, []);
        PreparedBatch? prepared = null;
        for (int step = 0; step < 5; step++)
        {
            prepared = gpu.Prepare(batch, prepared);
            for (int i = 0; i < 4; i++)
            {
                gpu.Activate(x, x, Activation.Relu);
            }

            // What waits is sent off first, and is no part of the copy.
            int before = driver.Log.Count;
            Assert.True(limits.Bandwidth() > 0);
            Assert.DoesNotContain("Launch", driver.Log[driver.Log.IndexOf("CopyWithin", before)..]);
        }

        Assert.Equal(new GpuStepCount(4, 1, 4, null), GpuBackends.StepsOf(gpu));
    }

    [Fact]
    public void Work_that_waits_is_done_within_its_measurement()
    {
        using var driver = new WatchedDriver();
        using GpuBackend gpu = InterpretedGpu.Create(driver);
        using Tensor x = OpCases.Tensor(gpu, 4, 8, Numbers.Spread(1, 32));
        var batch = new Batch();
        batch.Add([1], 0, []);
        driver.Log.Clear();
        gpu.Driver.Milliseconds(() =>
        {
            gpu.Prepare(batch, null);
            gpu.Activate(x, x, Activation.Relu);
        });
        Assert.Equal("Launch", driver.Log[^1]);
    }

    [Fact]
    public void Why_there_are_no_graphs_is_told_and_other_backends_have_neither_steps_nor_a_gpus_limits()
    {
        using GpuBackend gpu = InterpretedGpu.Create(graphs: false);
        Assert.Equal(new GpuStepCount(0, 0, 0, "Graphs are switched off (GpuOptions.Graphs)."), GpuBackends.StepsOf(gpu));
        using var reference = new ReferenceBackend();
        Assert.Null(GpuBackends.StepsOf(reference));
        Assert.Null(GpuBackends.LimitsOf(reference));
    }
}
