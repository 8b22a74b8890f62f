using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;

using Xunit;

namespace Palmyra.Gpu.Tests.Driver;

/// <summary>What goes wrong at the driver is one sentence: device, what was being done, the driver's words.</summary>
public sealed class CudaDriverFailureTests : IDisposable
{
    private const string Text = ".version 8.0\n.target sm_80\n.visible .entry Kernel_Scale(.param .f32 a, .param .align 8 .b8 x[16]) { ret; }";

    private static readonly PtxKernel Kernel = new("Scale", "Kernel_Scale", Text, 128);

    // As the entry declares them: a float and a view.
    private static readonly byte[] Arguments = new byte[24];

    private readonly FakeCuda _cuda = new();

    public void Dispose()
    {
        _cuda.Dispose();
        Assert.Empty(_cuda.Faults);
    }

    [Theory]
    [InlineData("MemsetD8Async", "clearing: CUDA_ERROR_1 (words of 1) (4,096 bytes).")]
    [InlineData("MemcpyDtoDAsync", "copying on the device: CUDA_ERROR_1 (words of 1) (4,096 bytes).")]
    [InlineData("MemcpyHtoDAsync", "copying to the device: CUDA_ERROR_1 (words of 1) (1,024 bytes).")]
    [InlineData("MemcpyDtoHAsync", "copying to the host: CUDA_ERROR_1 (words of 1) (4,096 bytes).")]
    [InlineData("MemHostAlloc", "pinning memory of the host: CUDA_ERROR_1 (words of 1) (1,024 bytes).")]
    [InlineData("EventCreate", "creating an event: CUDA_ERROR_1 (words of 1).")]
    [InlineData("EventRecord", "marking a copy: CUDA_ERROR_1 (words of 1).")]
    [InlineData("EventSynchronize", "waiting for a copy to the device: CUDA_ERROR_1 (words of 1).")]
    [InlineData("StreamSynchronize", "waiting for a copy to the host: CUDA_ERROR_1 (words of 1).")]
    [InlineData("MemGetInfo", "asking for free memory: CUDA_ERROR_1 (words of 1).")]
    [InlineData("ModuleLoadDataEx", "loading kernel Scale: CUDA_ERROR_1 (words of 1).")]
    [InlineData("ModuleGetFunction", "finding the entry Kernel_Scale of kernel Scale: CUDA_ERROR_1 (words of 1).")]
    [InlineData("FuncGetAttribute", "asking for the registers of kernel Scale: CUDA_ERROR_1 (words of 1).")]
    [InlineData("FuncSetAttribute", "allowing kernel Scale 65,536 bytes of shared memory: CUDA_ERROR_1 (words of 1).")]
    [InlineData("LaunchKernel", "starting kernel Scale: CUDA_ERROR_1 (words of 1) (LaunchShape { GridX = 1, GridY = 2, Threads = 128, SharedBytes = 65536 }).")]
    [InlineData("StreamBeginCapture", "starting to record: CUDA_ERROR_1 (words of 1).")]
    [InlineData("StreamEndCapture", "ending a recording: CUDA_ERROR_1 (words of 1).")]
    [InlineData("GraphInstantiate", "readying a recording: CUDA_ERROR_1 (words of 1).")]
    [InlineData("GraphLaunch", "replaying a recording: CUDA_ERROR_1 (words of 1).")]
    [InlineData("GraphExecDestroy", "giving a recording back: CUDA_ERROR_1 (words of 1).")]
    [InlineData("CtxSetCurrent", "making its context current: CUDA_ERROR_1 (words of 1).")]
    public void A_failing_call_is_told_and_the_driver_goes_on(string function, string message)
    {
        CudaDriver driver = _cuda.OpenDevice();
        nint memory = driver.Allocate(4096);
        _cuda.Fail(function, 1);
        var failure = Assert.Throws<BackendException>(() => Everything(driver, memory));
        Assert.Equal($"GPU 0 (Fake H100) failed at {message}", failure.Message);
        _cuda.Heal();
        Everything(driver, memory);
        driver.Dispose();
        Assert.Equal(function == "GraphExecDestroy" ? ["ready graph"] : [], _cuda.Alive.Values);
    }

    [Theory]
    [InlineData("DeviceGet", "finding the device")]
    [InlineData("DevicePrimaryCtxRetain", "opening the device")]
    [InlineData("CtxSetCurrent", "making its context current")]
    [InlineData("StreamCreate", "creating a stream")]
    public void A_device_that_does_not_open_keeps_nothing(string function, string doing)
    {
        CudaLibrary library = _cuda.Open();
        GpuDevice device = GpuDevices.Find(library).FirstUsable!;
        _cuda.Fail(function, 2);
        var failure = Assert.Throws<BackendException>(() => new CudaDriver(device, library));
        Assert.Equal($"GPU 0 (Fake H100) failed at {doing}: CUDA_ERROR_OUT_OF_MEMORY (words of 2).", failure.Message);
        Assert.Empty(_cuda.Alive);
    }

    [Fact]
    public void Memory_that_is_not_there_is_told_with_what_is_free()
    {
        using CudaDriver driver = _cuda.OpenDevice();
        _cuda.Fail("MemAlloc", 2);
        Assert.Equal(
            "GPU 0 (Fake H100) has no memory for 1,000,000 bytes; 70 of 80,000,000,000 are free: use a narrower format, a shorter context or fewer sequences.",
            Assert.Throws<BackendException>(() => driver.Allocate(1_000_000)).Message);
    }

    [Fact]
    public void The_assemblers_words_are_quoted_to_a_bound()
    {
        using CudaDriver driver = _cuda.OpenDevice();
        _cuda.Fail("ModuleLoadDataEx", 218);
        _cuda.JitErrors = "ptxas application ptx input, line 7; error: Unknown symbol 'x'\n" + new string('y', 20_000);
        string message = Assert.Throws<BackendException>(() => driver.Load(Kernel)).Message;
        Assert.StartsWith(
            "GPU 0 (Fake H100) failed at loading kernel Scale: CUDA_ERROR_218 (words of 218); its assembler says: ptxas application ptx input, line 7; "
            + "error: Unknown symbol 'x' yyy", message, StringComparison.Ordinal);
        Assert.EndsWith("y ....", message, StringComparison.Ordinal);
        Assert.InRange(message.Length, 500, 700);
    }

    [Theory]
    [InlineData(46)]
    [InlineData(214)]
    [InlineData(700)]
    [InlineData(716)]
    [InlineData(719)]
    [InlineData(810)]
    [InlineData(911)]
    [InlineData(999)]
    public void A_lost_device_says_so_at_once_and_is_still_disposed(int result)
    {
        CudaDriver driver = _cuda.OpenDevice();
        nint memory = driver.Allocate(4096);
        driver.Launch(driver.Load(Kernel), new LaunchShape(1, 1, 128), Arguments);
        _cuda.Fail("StreamSynchronize", result);
        Assert.Equal(
            $"GPU 0 (Fake H100) failed at waiting for the work in flight: CUDA_ERROR_{result} (words of {result}); the last kernel started was Scale; "
            + "the device cannot be used any more by this process.",
            Assert.Throws<BackendException>(driver.Synchronize).Message);

        _cuda.Calls.Clear();
        Action[] later =
        [
            driver.Synchronize, () => driver.Allocate(1), () => driver.CopyIn(memory, [1]), () => driver.CopyOut(new byte[1], memory),
            () => driver.Clear(memory, 1), () => driver.Load(Kernel), driver.BeginCapture, () => _ = driver.FreeBytes,
        ];
        Assert.All(later, call => Assert.Equal(
            $"GPU 0 (Fake H100) cannot be used any more since it failed at waiting for the work in flight: CUDA_ERROR_{result} (words of {result}); "
            + "the last kernel started was Scale; start the program again.",
            Assert.Throws<BackendException>(call).Message));
        driver.Free(memory);
        Assert.Empty(_cuda.Calls);

        _cuda.Heal();
        driver.Dispose();
        Assert.Empty(_cuda.Alive);
    }

    [Theory]
    [InlineData("StreamSynchronize")]
    [InlineData("MemFree")]
    [InlineData("CtxSetCurrent")]
    public void A_loss_met_while_disposing_hides_nothing(string function)
    {
        CudaDriver driver = _cuda.OpenDevice();
        nint memory = driver.Allocate(4096);
        driver.BeginCapture();
        GpuGraph graph = driver.EndCapture();
        _cuda.Fail(function, 700);
        driver.Free(memory);
        graph.Dispose();
        Assert.Contains("cannot be used any more", Assert.Throws<BackendException>(driver.Synchronize).Message, StringComparison.Ordinal);
        driver.Dispose();
        Assert.Contains("DevicePrimaryCtxRelease 100", _cuda.Calls);
        _cuda.Faults.Clear();
    }

    [Fact]
    public void A_recording_whose_device_was_lost_is_disposed_in_silence()
    {
        CudaDriver driver = _cuda.OpenDevice();
        driver.BeginCapture();
        GpuGraph graph = driver.EndCapture();
        _cuda.Fail("GraphExecDestroy", 719);
        graph.Dispose();
        Assert.Throws<BackendException>(driver.Synchronize);
        driver.Dispose();
    }

    [Fact]
    public void Misuse_is_one_sentence()
    {
        using CudaDriver driver = _cuda.OpenDevice();
        using CudaDriver other = _cuda.OpenDevice();
        GpuFunction function = driver.Load(Kernel);
        GpuFunction stranger = other.Load(Kernel);
        other.BeginCapture();
        GpuGraph foreign = other.EndCapture();
        nint memory = driver.Allocate(8);
        Refuses("start kernel Scale, which it did not load", () => driver.Launch(stranger, new LaunchShape(1, 1, 1), Arguments));
        Refuses("blocks of up to 128 threads", () => driver.Launch(function, new LaunchShape(1, 1, 129), Arguments));
        Refuses("blocks of up to 128 threads", () => driver.Launch(function, new LaunchShape(0, 1, 128), Arguments));
        Refuses("takes 24 bytes of parameters; found 20", () => driver.Launch(function, new LaunchShape(1, 1, 128), new byte[20]));
        Refuses("found a target and 0 entries", () => driver.Load(Kernel with { Text = ".target sm_80\n" }));
        Refuses("asks for 300,000 bytes of shared memory a block; GPU 0 (Fake H100) has 232,448", () => driver.Launch(function, new LaunchShape(1, 1, 1, 300_000), Arguments));
        Refuses("not its own or was given back", () => driver.Replay(foreign));
        Refuses("which it did not allocate", () => driver.Free(memory + 1));
        Refuses("that was not started", () => driver.EndCapture());
        driver.BeginCapture();
        Refuses("is recording: starting a recording cannot be recorded", driver.BeginCapture);
        Refuses("is recording: copying from the host", () => driver.CopyIn(memory, [1]));
        Refuses("is recording: copying to the host", () => driver.CopyOut(new byte[1], memory));
        Refuses("is recording: waiting", driver.Synchronize);
        Refuses("is recording: measuring", () => driver.Milliseconds(() => { }));
        GpuGraph graph = driver.EndCapture();
        graph.Dispose();
        Refuses("not its own or was given back", () => driver.Replay(graph));
        Assert.Throws<ArgumentOutOfRangeException>(() => driver.Allocate(0));
        driver.Free(memory);
        Refuses("which it did not allocate", () => driver.Free(memory));
    }

    private static void Refuses(string message, Action call) =>
        Assert.Contains(message, Assert.Throws<BackendException>(call).Message, StringComparison.Ordinal);

    private static void Everything(CudaDriver driver, nint memory)
    {
        _ = driver.FreeBytes;
        driver.Clear(memory, 4096);
        driver.CopyWithin(memory, memory, 4096);
        driver.CopyIn(memory, new byte[4096]);
        driver.CopyOut(new byte[4096], memory);
        GpuFunction function = driver.Load(Kernel);
        var shape = new LaunchShape(1, 2, 128, 65_536);
        driver.Launch(function, shape, Arguments);
        driver.BeginCapture();
        driver.Launch(function, shape, Arguments);
        GpuGraph graph = driver.EndCapture();
        driver.Replay(graph);
        driver.Synchronize();
        graph.Dispose();
    }
}
