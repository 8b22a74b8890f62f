using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>Device memory that an operation uses while it runs and that is kept for the next time: it grows and never shrinks.</summary>
internal sealed class GpuScratch(DeviceMemory memory)
{
    private DevicePiece? _piece;

    /// <summary>The address of at least so many bytes, their content undefined; valid until more are asked for.</summary>
    public nint Room(long bytes)
    {
        if (_piece is null || _piece.Bytes < bytes)
        {
            long grown = Math.Max(bytes, Math.Min(2 * (_piece?.Bytes ?? 0), bytes + (64L << 20)));
            _piece?.Dispose();
            _piece = null;
            _piece = memory.Allocate(grown);
        }

        return _piece.Address;
    }
}
