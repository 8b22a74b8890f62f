using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Gpu.Tests;

/// <summary>Sizes beyond every bound are refused in a sentence; a conversion that fails tells its own reason.</summary>
public sealed class GpuSizeTests
{
    [Fact]
    public void What_is_too_large_is_refused()
    {
        using IBackend gpu = InterpretedGpu.Create();
        Refused("A row of 2,147,483,647 numbers is too large for the GPU backend.", () => gpu.Allocate(1, int.MaxValue));
        Refused("2,147,483,647 rows of 2,147,483,640 numbers are too large for the GPU backend.", () => gpu.Allocate(int.MaxValue, int.MaxValue - 7));
        Refused(
            "A cache of 1 pages of 1,073,741,824 tokens for 1 layers of 2 heads of 8 numbers is too large for the GPU backend.",
            () => gpu.CreateKvCache(1, 2, 8, 1, 1 << 30, CacheFormat.F32));
        Refused(
            "A cache of 1,048,576 pages of 1,024 tokens for 1 layers of 1 heads of 8 numbers is too large for the GPU backend.",
            () => gpu.CreateKvCache(1, 1, 8, 1 << 20, 1 << 10, CacheFormat.Q8));
        Refused(
            "A cache of 2,147,483,647 pages of 2,147,483,647 tokens for 2,147,483,647 layers of 2,147,483,647 heads of 256 numbers is too large for the GPU backend.",
            () => gpu.CreateKvCache(int.MaxValue, int.MaxValue, 256, int.MaxValue, int.MaxValue, CacheFormat.F16));
    }

    [Theory]
    [InlineData(MatrixFormat.F32)]
    [InlineData(MatrixFormat.BF16)]
    [InlineData(MatrixFormat.Q8)]
    public void A_weight_that_cannot_be_read_says_why(MatrixFormat format)
    {
        using IBackend gpu = InterpretedGpu.Create();
        long[] shape = [64, 32];

        // A source that ends early, as a file cut short would; rows are read in parallel.
        var tensor = new TensorView("w", ElementType.F32, shape, TensorView.RowMajor(shape), ByteSource.Of(new float[32]), 0, "memory");
        Assert.ThrowsAny<ArgumentException>(() => gpu.LoadMatrix(WeightView.Of(tensor), format));
    }

    private static void Refused(string message, Func<object> call) => Assert.Equal(message, Assert.Throws<BackendException>(call).Message);
}
