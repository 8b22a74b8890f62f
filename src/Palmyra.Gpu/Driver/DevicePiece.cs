namespace Palmyra.Gpu.Driver;

/// <summary>A piece of device memory.</summary>
public sealed class DevicePiece : IDisposable
{
    private readonly DeviceMemory _memory;
    private readonly DeviceMemory.Slab _slab;
    private readonly nint _offset;
    private readonly long _size;
    private bool _disposed;

    internal DevicePiece(DeviceMemory memory, DeviceMemory.Slab slab, nint offset, long bytes, long size)
    {
        (_memory, _slab, _offset, _size) = (memory, slab, offset, size);
        Bytes = bytes;
    }

    /// <summary>Its length as asked for.</summary>
    public long Bytes { get; }

    /// <summary>Its device address, a multiple of <see cref="DeviceMemory.Alignment"/>.</summary>
    /// <exception cref="ObjectDisposedException">The piece was given back.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _slab.Address + _offset;
        }
    }

    /// <summary>Gives the piece back; a second call does nothing.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _memory.Return(_slab, _offset, _size);
        }
    }
}
