using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>Device memory that an operation uses while it runs and that is kept for the next time: it grows to what is asked for and never shrinks.</summary>
/// <param name="memory">Where it comes from.</param>
/// <param name="clears">Sets it to zero whenever it is new; null if its content does not matter.</param>
internal sealed class GpuScratch(DeviceMemory memory, IGpuDriver? clears = null)
{
    private DevicePiece? _piece;

    /// <summary>
    /// The address of at least so many bytes, valid until more are asked for; their content is what was left there, zeros or undefined.
    /// </summary>
    public nint Room(long bytes)
    {
        if (_piece is null || _piece.Bytes < bytes)
        {
            DevicePiece? old = _piece;
            _piece = null;
            old?.Dispose();
            DevicePiece fresh = memory.Allocate(bytes);
            try
            {
                // May fail by what was asked for earlier and is sent off first: what was not cleared is nobody's.
                clears?.Clear(fresh.Address, fresh.Bytes);
            }
            catch
            {
                fresh.Dispose();
                throw;
            }

            _piece = fresh;
        }

        return _piece.Address;
    }
}
