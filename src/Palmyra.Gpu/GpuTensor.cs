using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>Rows of 32-bit floats in device memory, each padded to a multiple of eight numbers.</summary>
/// <remarks>
/// A row begins at a multiple of 32 bytes, whatever its width, so kernels read it in pieces of 16 bytes. The padding is zero from the
/// beginning and no kernel writes it: a sum over whole pieces of eight is the sum over the row.
/// </remarks>
internal sealed class GpuTensor : Tensor
{
    /// <summary>What the numbers of a row are padded to a multiple of.</summary>
    public const int Piece = 8;

    private readonly DevicePiece _memory;

    public GpuTensor(int capacity, int cols, DeviceMemory memory)
        : base(capacity, cols)
    {
        Stride = StrideOf(cols);
        _memory = Length <= long.MaxValue / sizeof(float)
            ? memory.Allocate(Length * sizeof(float))
            : throw new BackendException($"{capacity:N0} rows of {cols:N0} numbers are too large for the GPU backend.");
    }

    /// <summary>Numbers from a row to the next.</summary>
    public int Stride { get; }

    /// <summary>Numbers of all rows there is memory for, padding included.</summary>
    public long Length => (long)Capacity * Stride;

    /// <summary>Where it lies on the device.</summary>
    public nint Address => _memory.Address;

    /// <summary>Numbers from a row to the next in a tensor of <paramref name="cols"/> columns.</summary>
    /// <exception cref="BackendException">32 bits do not hold it.</exception>
    public static int StrideOf(int cols)
    {
        long stride = ((long)cols + Piece - 1) / Piece * Piece;
        return stride <= int.MaxValue ? (int)stride : throw new BackendException($"A row of {cols:N0} numbers is too large for the GPU backend.");
    }

    /// <inheritdoc/>
    public override void Dispose() => _memory.Dispose();
}
