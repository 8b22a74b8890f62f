using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class DriverTests
{
    private const string AddOne = "ld.global.u32 r0, [mine]; add.u32 r0, r0, 1; st.global.u32 [mine], r0;";

    [Fact]
    public void MemoryIsCountedAndCanRunOut()
    {
        using var driver = new PtxDriver(new GpuDevice(1, "Small", 8, 0, 1000, 1, 49152, 12000));
        Assert.Equal(1000, driver.FreeBytes);
        nint address = driver.Allocate(600);
        Assert.Equal(0, address % 256);
        Assert.Equal(400, driver.FreeBytes);
        Refused("Small (GPU 1), allocating 401 bytes: only 400 are free.", () => driver.Allocate(401));
        driver.Free(address);
        Assert.Equal((1000, 0), (driver.FreeBytes, driver.Allocations));
        driver.FreeBytes = 0;
        Refused("only 0 are free", () => driver.Allocate(1));
        Refused("no allocation starts there", () => driver.Free(address));
        Refused("must be positive", () => driver.Allocate(0));
    }

    [Fact]
    public void NewMemoryIsFullOfNaN()
    {
        using var driver = new PtxDriver();
        Assert.All(driver.Download<float>(driver.Allocate(64), 16), value => Assert.True(float.IsNaN(value)));
    }

    [Fact]
    public void CopiesAndClears()
    {
        using var driver = new PtxDriver();
        nint a = driver.Upload([1, 2, 3, 4]);
        nint b = driver.Upload([5, 6, 7, 8]);
        driver.CopyWithin(b + 4, a + 8, 8);
        driver.Clear(a, 8);
        Assert.Equal([0, 0, 3, 4], driver.Download<int>(a, 4));
        Assert.Equal([5, 3, 4, 8], driver.Download<int>(b, 4));
        Refused("overlap", () => driver.CopyWithin(a + 4, a, 8));
        Refused("runs across the end of the allocation of 16 bytes", () => driver.Clear(a + 8, 12));
        Refused("clearing", () => driver.Clear(a, -1));
        driver.Free(a);
        Refused("which was freed", () => driver.Download<int>(a, 1));
        Refused("which was freed", () => driver.CopyIn(a, new byte[4]));
    }

    [Fact]
    public void RecordedWorkIsDoneWhenItIsReplayed()
    {
        using var driver = new PtxDriver();
        nint a = driver.Upload(new int[32]);
        nint b = driver.Upload(new int[32]);
        GpuFunction function = driver.Load(Snippet.Block(AddOne));
        driver.BeginCapture();
        Start(driver, function, a);
        Start(driver, function, a);
        driver.CopyWithin(b, a, 128);
        driver.Clear(b, 4);
        Refused("not possible while launches are being recorded", driver.BeginCapture);
        Refused("not possible while launches are being recorded", driver.Synchronize);
        Refused("not possible while launches are being recorded", () => driver.Download<int>(a, 1));
        using GpuGraph graph = driver.EndCapture();
        Assert.Equal((0, 0), (driver.Download<int>(a, 32)[5], driver.Launches));
        driver.Replay(graph);
        driver.Replay(graph);
        driver.Synchronize();
        Assert.Equal((4, 4), (driver.Download<int>(a, 32)[5], driver.Launches));
        Assert.Equal([0, 4, 4], driver.Download<int>(b, 32)[..3]);
        graph.Dispose();
        Refused("was given back", () => driver.Replay(graph));
        Refused("none was begun", () => driver.EndCapture());
    }

    [Fact]
    public void MemoryFreedDuringARecordingLivesAsLongAsIt()
    {
        using var driver = new PtxDriver();
        nint a = driver.Upload(new int[32]);
        nint b = driver.Upload(new int[32]);
        long free = driver.FreeBytes;
        GpuFunction function = driver.Load(Snippet.Block(AddOne));
        driver.BeginCapture();
        Start(driver, function, a);
        driver.CopyWithin(b, a, 128);
        driver.Free(a);
        Refused("no allocation starts there", () => driver.Free(a));
        GpuGraph graph = driver.EndCapture();
        driver.Replay(graph);
        driver.Replay(graph);
        Assert.Equal((2, 2, free), (driver.Download<int>(b, 32)[5], driver.Allocations, driver.FreeBytes));
        graph.Dispose();
        graph.Dispose();
        Assert.Equal((1, free + 128), (driver.Allocations, driver.FreeBytes));
        Refused("no allocation starts there", () => driver.Free(a));
    }

    [Fact]
    public void WrongLaunchesAreRefused()
    {
        using var driver = new PtxDriver(new GpuDevice(0, "Small", 9, 0, 100_000, 1, 1024, 12000));
        nint a = driver.Allocate(128);
        PtxKernel kernel = Snippet.Block(".shared .b8 s[100]; " + AddOne);
        GpuFunction function = driver.Load(kernel with { Text = kernel.Text.Replace("\n{", "\n.maxntid 64, 2, 1\n{", StringComparison.Ordinal) });
        Refused("129 threads a block, but it is compiled for at most 128", () => Start(driver, function, a, threads: 129));
        Refused("0 threads", () => Start(driver, function, a, threads: 0));
        Refused("a grid of 0 x 1 blocks", () => Start(driver, function, a, blocks: 0));
        Refused("1025 bytes of shared memory, the device has 1024", () => Start(driver, function, a, shared: 1024 - 112 + 1));
        Refused("its parameters take 8 bytes, not 4", () => driver.Launch(function, new LaunchShape(1, 1, 32), default(KernelArguments).Add(1).Bytes));
        using var other = new PtxDriver();
        Refused("loaded by another driver", () => other.Launch(function, new LaunchShape(1, 1, 32), default(KernelArguments).Add((long)a).Bytes));
    }

    [Fact]
    public void OldDevicesRefuseNewKernels()
    {
        using var driver = new PtxDriver(new GpuDevice(0, "Old", 8, 0, 100_000, 1, 49152, 12000));
        Refused("compiled for compute capability 9.0", () => driver.Load(Snippet.Block(AddOne)));
        Refused("there is no entry", () => new PtxDriver().Load(Snippet.Block(AddOne) with { Entry = "Missing" }));
    }

    [Fact]
    public void AKernelIsLoadedOnce()
    {
        using var driver = new PtxDriver();
        Assert.Same(driver.Load(Snippet.Block(AddOne)), driver.Load(Snippet.Block(AddOne)));
        Assert.Equal(0, driver.Load(Snippet.Block(AddOne)).LocalBytes);
        Assert.Equal(64, driver.Load(Snippet.Block(".local .b8 x[50];" + AddOne)).LocalBytes);
    }

    private static void Start(PtxDriver driver, GpuFunction function, nint address, int threads = 32, int blocks = 1, int shared = 0) =>
        driver.Launch(function, new LaunchShape(blocks, 1, threads, shared), default(KernelArguments).Add((long)address).Bytes);

    private static void Refused(string reason, Action action) =>
        Assert.Contains(reason, Assert.Throws<BackendException>(action).Message, StringComparison.Ordinal);
}
