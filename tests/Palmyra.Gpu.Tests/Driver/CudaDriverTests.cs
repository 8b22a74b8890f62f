using System.Buffers.Binary;
using System.Security.Cryptography;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;

using Xunit;

namespace Palmyra.Gpu.Tests.Driver;

/// <summary>What the driver asks of libcuda: which calls, in which order, with what.</summary>
public sealed class CudaDriverTests : IDisposable
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

    [Fact]
    public void Opening_takes_the_primary_context_and_a_stream_of_its_own()
    {
        CudaDriver driver = _cuda.OpenDevice();
        Assert.Equal(["context", "stream"], _cuda.Alive.Values);
        Assert.Equal(new GpuDevice(0, "Fake H100", 9, 0, 80_000_000_000, 132, 232_448, 13000), driver.Device);
        Assert.Equal(70, driver.FreeBytes);
        driver.Dispose();
        Assert.Equal(["MemGetInfo", "StreamSynchronize", "StreamDestroy", "DevicePrimaryCtxRelease 100"], _cuda.Calls);
        Assert.Empty(_cuda.Alive);
    }

    [Fact]
    public void Disposal_gives_back_everything_once_and_the_context_last()
    {
        CudaDriver driver = _cuda.OpenDevice();
        nint memory = driver.Allocate(512);
        GpuFunction function = driver.Load(Kernel);
        driver.CopyIn(memory, new byte[100]);
        driver.BeginCapture();
        driver.Launch(function, new LaunchShape(1, 1, 128), Arguments);
        GpuGraph graph = driver.EndCapture();
        driver.BeginCapture();
        _cuda.Calls.Clear();
        driver.Dispose();
        Assert.Equal(
            [
                "StreamEndCapture", "GraphDestroy", "StreamSynchronize", "GraphExecDestroy", "ModuleUnload", "EventDestroy", "MemFreeHost", "MemFree",
                "StreamDestroy", "DevicePrimaryCtxRelease 100",
            ],
            _cuda.Calls);
        Assert.Empty(_cuda.Alive);

        driver.Dispose();
        graph.Dispose();
        driver.Free(memory);
        Assert.Equal(10, _cuda.Calls.Count);
        Assert.Throws<ObjectDisposedException>(() => driver.Synchronize());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(10_000)]
    public void What_is_copied_in_comes_out(int bytes)
    {
        using CudaDriver driver = _cuda.OpenDevice(stagingBytes: 1024);
        nint there = driver.Allocate(bytes);
        nint copy = driver.Allocate(bytes);
        byte[] source = RandomNumberGenerator.GetBytes(bytes);
        byte[] expected = [.. source];
        driver.CopyIn(there, source);

        // The device reads as late as it can: from here on only the pinned buffers may matter.
        Array.Clear(source);
        driver.CopyWithin(copy, there, bytes);
        byte[] found = new byte[bytes];
        driver.CopyOut(found, copy);
        Assert.Equal(expected, found);
        driver.Clear(copy, bytes);
        driver.CopyOut(found, copy);
        Assert.All(found, each => Assert.Equal(0, each));
    }

    // Buffers of 3 MiB and a bit are filled by several threads, the rest of one by the caller's own.
    [Theory]
    [InlineData((7 << 20) + 5)]
    [InlineData((2 << 20) - 1)]
    public void Megabytes_are_copied_whole_and_in_order(int bytes)
    {
        const int Buffer = (3 << 20) + 64;
        using CudaDriver driver = _cuda.OpenDevice(stagingBytes: Buffer);
        nint there = driver.Allocate(bytes + 3);
        byte[] source = RandomNumberGenerator.GetBytes(bytes);
        byte[] expected = [.. source, 1, 2, 3];
        _cuda.Calls.Clear();
        driver.CopyIn(there, source);
        Array.Clear(source);
        driver.CopyIn(there + bytes, [1, 2, 3]);
        byte[] found = new byte[bytes + 3];
        driver.CopyOut(found, there);
        Assert.Equal(expected, found);

        // Whoever fills the buffers, the library is called by one thread, piece after piece.
        int[] pieces = bytes > Buffer ? [Buffer, Buffer, bytes - (2 * Buffer), 3] : [bytes, 3];
        Assert.Equal(pieces.Select(piece => $"MemcpyHtoDAsync {piece}"), _cuda.Calls.Where(call => call.StartsWith("MemcpyHtoD", StringComparison.Ordinal)));
        Assert.Empty(_cuda.Faults);
    }

    [Fact]
    public void A_large_copy_fills_one_buffer_while_the_other_is_read()
    {
        using CudaDriver driver = _cuda.OpenDevice(stagingBytes: 1024);
        nint there = driver.Allocate(4096);
        _cuda.Calls.Clear();
        driver.CopyIn(there, new byte[4000]);
        Assert.Equal(
            [
                "EventCreate 2", "MemHostAlloc 1024 0", "MemcpyHtoDAsync 1024", "EventRecord",
                "EventCreate 2", "MemHostAlloc 1024 0", "MemcpyHtoDAsync 1024", "EventRecord",
                "EventSynchronize", "MemcpyHtoDAsync 1024", "EventRecord",
                "EventSynchronize", "MemcpyHtoDAsync 928",
            ],
            _cuda.Calls);
    }

    [Fact]
    public void Small_copies_share_a_buffer_and_wait_for_nothing()
    {
        using CudaDriver driver = _cuda.OpenDevice(stagingBytes: 1024);
        nint there = driver.Allocate(4096);
        byte[][] sources = [.. Enumerable.Range(0, 60).Select(_ => RandomNumberGenerator.GetBytes(50))];
        _cuda.Calls.Clear();
        for (int i = 0; i < 32; i++)
        {
            driver.CopyIn(there + (i * 50), sources[i]);
        }

        Assert.DoesNotContain("EventSynchronize", _cuda.Calls);
        for (int i = 32; i < 60; i++)
        {
            driver.CopyIn(there + (i * 50), sources[i]);
        }

        Assert.Contains("EventSynchronize", _cuda.Calls);
        byte[] found = new byte[3000];
        driver.CopyOut(found, there);
        Assert.Equal(sources.SelectMany(each => each), found);

        // Everything is done, so the buffers are free again.
        _cuda.Calls.Clear();
        driver.CopyIn(there, new byte[1000]);
        Assert.Equal(["MemcpyHtoDAsync 1000"], _cuda.Calls);
    }

    [Fact]
    public void A_kernel_is_loaded_once_and_started_with_its_bytes()
    {
        using CudaDriver driver = _cuda.OpenDevice();
        GpuFunction function = driver.Load(Kernel);
        Assert.Same(function, driver.Load(Kernel with { }));
        Assert.Equal([Text], _cuda.Modules);
        Assert.Equal((64, 8, Kernel), (function.Registers, function.LocalBytes, function.Kernel));

        KernelArguments arguments = default;
        arguments.Add(1.5f).AddView(0x12345678, 5);
        driver.Launch(function, new LaunchShape(3, 2, 64, 100), arguments.Bytes);
        driver.Launch(function, new LaunchShape(3, 2, 128), default(KernelArguments).Add(1.5f).AddView(0, 0).Bytes);
        Assert.Equal(
            [
                "ModuleLoadDataEx 4 3 4 5 6", "ModuleGetFunction Kernel_Scale", "FuncGetAttribute 4", "FuncGetAttribute 3", "FuncGetAttribute 1",
                $"LaunchKernel 3,2,1 64,1,1 100 {arguments.Bytes.Length} bytes", "LaunchKernel 3,2,1 128,1,1 0 24 bytes",
            ],
            _cuda.Calls);
        driver.Synchronize();
        Assert.Equal(arguments.Bytes.ToArray(), _cuda.Launches[0]);
        Assert.Equal(24, _cuda.Launches[0].Length);
        Assert.Equal(1.5, BinaryPrimitives.ReadSingleLittleEndian(_cuda.Launches[0]));
    }

    [Fact]
    public void Shared_memory_beyond_48_KiB_is_allowed_once()
    {
        using CudaDriver driver = _cuda.OpenDevice();
        GpuFunction function = driver.Load(Kernel);
        _cuda.Calls.Clear();
        driver.Launch(function, new LaunchShape(1, 1, 128, 49_152), Arguments);
        Assert.DoesNotContain("FuncSetAttribute 8 49152", _cuda.Calls);
        driver.Launch(function, new LaunchShape(1, 1, 128, 65_536), Arguments);
        driver.Launch(function, new LaunchShape(1, 1, 128, 65_536), Arguments);
        driver.Launch(function, new LaunchShape(1, 1, 128, 50_000), Arguments);
        Assert.Equal(["FuncSetAttribute 8 65536"], _cuda.Calls.Where(call => !call.StartsWith("Launch", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_a_kernel_declares_itself_counts_as_shared_memory()
    {
        _cuda.StaticSharedBytes = 384;
        using CudaDriver driver = _cuda.OpenDevice();
        GpuFunction function = driver.Load(Kernel);
        _cuda.Calls.Clear();
        driver.Launch(function, new LaunchShape(1, 1, 128, 49_152 - 384), Arguments);
        driver.Launch(function, new LaunchShape(1, 1, 128, 49_152 - 383), Arguments);
        driver.Launch(function, new LaunchShape(1, 1, 128, 232_448 - 384), Arguments);
        Assert.Equal(
            ["FuncSetAttribute 8 48769", "FuncSetAttribute 8 232064"], _cuda.Calls.Where(call => !call.StartsWith("Launch", StringComparison.Ordinal)));
        Assert.Contains(
            "asks for 232,449 bytes of shared memory a block; GPU 0 (Fake H100) has 232,448",
            Assert.Throws<BackendException>(() => driver.Launch(function, new LaunchShape(1, 1, 128, 232_448 - 383), Arguments)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_recording_is_done_when_it_is_replayed_and_only_then()
    {
        using CudaDriver driver = _cuda.OpenDevice();
        GpuFunction function = driver.Load(Kernel);
        nint memory = driver.Allocate(16);
        nint other = driver.Allocate(16);
        driver.CopyIn(memory, [1, 2, 3, 4]);
        driver.Synchronize();
        _cuda.Calls.Clear();
        driver.BeginCapture();
        driver.Launch(function, new LaunchShape(1, 1, 128), Arguments);
        driver.CopyWithin(other, memory, 4);
        driver.Clear(memory, 4);
        GpuGraph graph = driver.EndCapture();
        Assert.Equal(
            [
                "StreamBeginCapture 2", "LaunchKernel 1,1,1 128,1,1 0 24 bytes", "MemcpyDtoDAsync 4", "MemsetD8Async 0 4",
                "StreamEndCapture", "GraphInstantiate 0", "GraphDestroy",
            ],
            _cuda.Calls);

        byte[] found = new byte[4];
        driver.CopyOut(found, memory);
        Assert.Equal([1, 2, 3, 4], found);
        Assert.Empty(_cuda.Launches);

        driver.Replay(graph);
        driver.Replay(graph);
        driver.CopyOut(found, memory);
        Assert.Equal([0, 0, 0, 0], found);
        Assert.Equal(2, _cuda.Launches.Count);
        graph.Dispose();
        graph.Dispose();
        Assert.Single(_cuda.Calls, "GraphExecDestroy");
    }

    [Fact]
    public void Memory_is_given_back_after_what_uses_it()
    {
        using CudaDriver driver = _cuda.OpenDevice();
        nint memory = driver.Allocate(64);
        nint second = driver.Allocate(64);
        driver.Clear(memory, 64);
        driver.Free(memory);
        Assert.Equal(["MemAlloc 64", "MemAlloc 64", "MemsetD8Async 0 64", "StreamSynchronize", "MemFree"], _cuda.Calls);

        // Waiting would spoil a recording.
        _cuda.Calls.Clear();
        driver.BeginCapture();
        driver.Free(second);
        Assert.Equal(["StreamBeginCapture 2"], _cuda.Calls);
        GpuGraph graph = driver.EndCapture();
        driver.Replay(graph);
        graph.Dispose();
        Assert.Equal(
            [
                "StreamBeginCapture 2", "StreamEndCapture", "GraphInstantiate 0", "GraphDestroy", "GraphLaunch", "GraphExecDestroy", "StreamSynchronize",
                "MemFree",
            ],
            _cuda.Calls);
    }

    [Fact]
    public void Memory_given_back_during_a_recording_lives_as_long_as_the_recording()
    {
        CudaDriver driver = _cuda.OpenDevice();
        nint source = driver.Allocate(4);
        nint[] between = [driver.Allocate(4), driver.Allocate(4)];
        nint result = driver.Allocate(4);
        driver.CopyIn(source, [1, 2, 3, 4]);
        GpuGraph[] graphs = new GpuGraph[2];
        for (int i = 0; i < 2; i++)
        {
            driver.BeginCapture();
            driver.CopyWithin(between[i], source, 4);
            driver.CopyWithin(result, between[i], 4);
            driver.Free(between[i]);
            Assert.Throws<BackendException>(() => driver.Free(between[i]));
            graphs[i] = driver.EndCapture();
        }

        byte[] found = new byte[4];
        driver.Replay(graphs[0]);
        driver.CopyOut(found, result);
        Assert.Equal([1, 2, 3, 4], found);
        Assert.Equal(4, _cuda.Alive.Values.Count(each => each == "memory"));

        // In the middle of another recording, in which nothing may be waited for: with that one's own.
        driver.BeginCapture();
        graphs[0].Dispose();
        Assert.Equal(4, _cuda.Alive.Values.Count(each => each == "memory"));
        driver.EndCapture().Dispose();
        Assert.Equal(3, _cuda.Alive.Values.Count(each => each == "memory"));

        // A recording that fails has nothing to keep; one that is left over goes with the driver.
        driver.BeginCapture();
        driver.Free(result);
        _cuda.Fail("GraphInstantiate", 1);
        Assert.Throws<BackendException>(driver.EndCapture);
        Assert.Equal(2, _cuda.Alive.Values.Count(each => each == "memory"));
        _cuda.Heal();
        driver.Dispose();
        Assert.Empty(_cuda.Alive);
    }

    [Fact]
    public void Another_context_of_the_thread_is_left_where_it_was()
    {
        CudaDriver driver = _cuda.OpenDevice();
        _cuda.Context = 4711;
        driver.Dispose();
        Assert.Equal(4711, _cuda.Context);
        driver = _cuda.OpenDevice();
        driver.Dispose();
        Assert.Equal(0, _cuda.Context);
    }

    [Fact]
    public void What_fits_comes_out_through_a_pinned_buffer()
    {
        using CudaDriver driver = _cuda.OpenDevice(stagingBytes: 1024);
        nint there = driver.Allocate(2048);
        driver.Clear(there, 2048);
        _cuda.Calls.Clear();
        driver.CopyOut(new byte[1024], there);
        driver.CopyOut(new byte[10], there);
        driver.CopyOut(new byte[1025], there);
        Assert.Equal(
            [
                "MemHostAlloc 1024 0", "MemcpyDtoHAsync 1024", "StreamSynchronize", "MemcpyDtoHAsync 10", "StreamSynchronize",
                "MemcpyDtoHAsync 1025", "StreamSynchronize",
            ],
            _cuda.Calls);
    }

    [Fact]
    public void A_measurement_lies_between_two_events()
    {
        using CudaDriver driver = _cuda.OpenDevice();
        nint memory = driver.Allocate(64);
        _cuda.Calls.Clear();
        Assert.Equal(1.5f, driver.Milliseconds(() => driver.Clear(memory, 64)));
        Assert.Equal(
            [
                "EventCreate 0", "EventCreate 0", "EventRecord", "MemsetD8Async 0 64", "EventRecord", "StreamSynchronize", "EventElapsedTime",
                "EventDestroy", "EventDestroy",
            ],
            _cuda.Calls);
    }

    [Fact]
    public void Nothing_is_asked_for_nothing()
    {
        using CudaDriver driver = _cuda.OpenDevice();
        driver.Clear(0, 0);
        driver.CopyIn(0, []);
        driver.CopyWithin(0, 0, 0);
        driver.CopyOut([], 0);
        Assert.Equal(["StreamSynchronize"], _cuda.Calls);
    }
}
