using Palmyra.Backends;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>What operations pass to kernels, as views.</summary>
internal static class GpuArguments
{
    /// <summary>A tensor as floats; null is an empty view.</summary>
    public static void AddFloats(this ref KernelArguments arguments, GpuTensor? tensor) =>
        arguments.AddView(tensor?.Address ?? 0, tensor?.Length ?? 0);

    /// <summary>A tensor in fours of floats.</summary>
    public static void AddFours(this ref KernelArguments arguments, GpuTensor tensor) => arguments.AddView(tensor.Address, tensor.Length / 4);

    /// <summary>A part of a prepared batch.</summary>
    public static void AddInts(this ref KernelArguments arguments, GpuBatch.Ints ints) => arguments.AddView(ints.Address, ints.Length);

    /// <summary>The numbers and scales of a matrix from one of its rows on.</summary>
    public static void AddWeights(this ref KernelArguments arguments, GpuMatrix matrix, int firstRow = 0)
    {
        long rows = matrix.Rows - firstRow;
        arguments.AddView(matrix.Address + (firstRow * (nint)matrix.RowBytes), rows * matrix.RowBytes / 16);
        arguments.AddView(matrix.ScalesAddress + (firstRow * (nint)matrix.ScaleStride * sizeof(ushort)), rows * matrix.ScaleStride);
    }

    /// <summary>The numbers and scales of one layer of a cache.</summary>
    public static void AddLayer(this ref KernelArguments arguments, GpuKvCache cache, int layer)
    {
        // In pieces as the format's kernels read them.
        arguments.AddView(cache.Numbers(layer), cache.Pages * cache.PageBytes / (cache.Format == CacheFormat.Q8 ? 8 : 16));
        arguments.AddView(cache.Scales(layer), cache.Pages * cache.PageScaleBytes / sizeof(float));
    }
}
