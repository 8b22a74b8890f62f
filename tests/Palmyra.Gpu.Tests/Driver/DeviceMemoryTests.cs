using CsCheck;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;

using Xunit;

namespace Palmyra.Gpu.Tests.Driver;

/// <summary>Pieces of device memory: aligned, apart, given back and merged.</summary>
public sealed class DeviceMemoryTests : IDisposable
{
    private readonly FakeCuda _cuda = new();
    private readonly CudaDriver _driver;

    public DeviceMemoryTests() => _driver = _cuda.OpenDevice();

    public void Dispose()
    {
        _driver.Dispose();
        Assert.Empty(_cuda.Alive);
        _cuda.Dispose();
        Assert.Empty(_cuda.Faults);
    }

    [Fact]
    public void Pieces_follow_each_other_in_one_slab()
    {
        using var memory = new DeviceMemory(_driver, 4096);
        DevicePiece first = memory.Allocate(1);
        DevicePiece second = memory.Allocate(257);
        DevicePiece third = memory.Allocate(256);
        Assert.Equal((256, 512), (second.Address - first.Address, third.Address - second.Address));
        Assert.Equal((0, 1L, 257L), (first.Address % DeviceMemory.Alignment, first.Bytes, second.Bytes));
        Assert.Equal((4096L, 1024L), (memory.ReservedBytes, memory.UsedBytes));
        Assert.Single(_cuda.Calls, "MemAlloc 4096");
    }

    [Fact]
    public void What_was_given_back_is_merged_and_cut_again()
    {
        using var memory = new DeviceMemory(_driver, 1024);
        DevicePiece[] pieces = [.. Enumerable.Range(0, 4).Select(_ => memory.Allocate(256))];
        nint start = pieces[0].Address;
        pieces[2].Dispose();
        pieces[0].Dispose();
        pieces[1].Dispose();
        pieces[1].Dispose();
        Assert.Throws<ObjectDisposedException>(() => pieces[1].Address);
        using DevicePiece half = memory.Allocate(512);
        using DevicePiece rest = memory.Allocate(256);
        Assert.Equal((start, start + 512), (half.Address, rest.Address));
        Assert.Equal((1024L, 1024L), (memory.ReservedBytes, memory.UsedBytes));
    }

    [Fact]
    public void Large_pieces_have_slabs_of_their_own()
    {
        using var memory = new DeviceMemory(_driver, 1024);
        DevicePiece large = memory.Allocate(5000);
        DevicePiece small = memory.Allocate(100);
        Assert.Equal(["MemAlloc 5120", "MemAlloc 1024"], _cuda.Calls);
        large.Dispose();
        Assert.Equal(1024, memory.ReservedBytes);

        // The last slab is kept, so that a piece made and given back in turn asks the driver nothing.
        small.Dispose();
        memory.Allocate(100).Dispose();
        Assert.Equal(["MemAlloc 5120", "MemAlloc 1024", "StreamSynchronize", "MemFree"], _cuda.Calls);
    }

    [Fact]
    public void A_second_empty_slab_goes_back()
    {
        using var memory = new DeviceMemory(_driver, 512);
        DevicePiece[] pieces = [.. Enumerable.Range(0, 6).Select(_ => memory.Allocate(256))];
        Assert.Equal(1536, memory.ReservedBytes);
        Array.ForEach(pieces, piece => piece.Dispose());
        Assert.Equal((512L, 0L), (memory.ReservedBytes, memory.UsedBytes));
    }

    [Fact]
    public void Pieces_may_outlive_their_memory()
    {
        var memory = new DeviceMemory(_driver, 512);
        DevicePiece piece = memory.Allocate(10);
        memory.Dispose();
        memory.Dispose();
        piece.Dispose();
        Assert.Throws<ObjectDisposedException>(() => memory.Allocate(1));
        using var another = new DeviceMemory(_driver);
        Assert.Throws<ArgumentOutOfRangeException>(() => another.Allocate(0));
    }

    [Fact]
    public void The_drivers_refusal_passes_through()
    {
        using var memory = new DeviceMemory(_driver, 512);
        _cuda.Fail("MemAlloc", 2);
        Assert.Throws<BackendException>(() => memory.Allocate(1));
        Assert.Equal(0, memory.ReservedBytes);
    }

    [Fact]
    public void Pieces_never_overlap_and_all_come_back() => Gen.Int[1, 1500].Array[1, 60].Sample(
        sizes =>
        {
            using var cuda = new FakeCuda();
            using CudaDriver driver = cuda.OpenDevice();
            using var memory = new DeviceMemory(driver, 2048);
            var alive = new List<DevicePiece>();
            foreach (int size in sizes)
            {
                DevicePiece piece = memory.Allocate(size);
                Assert.Equal(0, piece.Address % DeviceMemory.Alignment);
                Assert.DoesNotContain(alive, other => piece.Address < other.Address + other.Bytes && other.Address < piece.Address + piece.Bytes);
                alive.Add(piece);
                if (size % 3 == 0)
                {
                    int victim = size % alive.Count;
                    alive[victim].Dispose();
                    alive.RemoveAt(victim);
                }
            }

            alive.ForEach(piece => piece.Dispose());
            Assert.Equal(0, memory.UsedBytes);
            Assert.True(memory.ReservedBytes <= 2048);
        },
        threads: 1,
        iter: 200);
}
