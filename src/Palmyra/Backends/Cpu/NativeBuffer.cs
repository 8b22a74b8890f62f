using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Palmyra.Diagnostics;

namespace Palmyra.Backends.Cpu;

/// <summary>A block of memory outside the garbage collector's heap, aligned for the widest vectors; huge pages where the system has them.</summary>
/// <remarks>Owned by whoever created it and freed by <see cref="Dispose"/> alone: kernels hold bare pointers into it.</remarks>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const int CacheLine = 64;
    private const int HugePage = 2 << 20;

    private void* _pointer;

    /// <summary>Reserves memory. Without <paramref name="zero"/> its content is undefined, and large blocks are committed page by page on first use.</summary>
    /// <exception cref="BackendException">There is not enough memory.</exception>
    public NativeBuffer(Int128 size, bool zero, string purpose)
    {
        // Sizes beyond any address space arrive here as they are and are refused like those that are only too large for this machine.
        long bytes = (long)Int128.Min(size, long.MaxValue / 2);
        Bytes = bytes;
        bool large = bytes >= 2 * HugePage;
        try
        {
            _pointer = NativeMemory.AlignedAlloc((nuint)bytes, large ? (nuint)HugePage : CacheLine);
        }
        catch (OutOfMemoryException error)
        {
            throw new BackendException(
                $"The CPU backend could not get {(double)size / 1048576:N1} MiB of memory for {purpose}; use a smaller model, context or batch, or a narrower format.", error);
        }

        if (large && OperatingSystem.IsLinux())
        {
            LinuxMemory.AdviseHugePages(_pointer, (nuint)bytes);
        }

        if (zero)
        {
            NativeMemory.Clear(_pointer, (nuint)bytes);
        }
    }

    /// <summary>Its length.</summary>
    public long Bytes { get; }

    /// <summary>Its first float; see <see cref="Start"/>.</summary>
    public float* Floats
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (float*)Start;
    }

    /// <summary>Its first byte.</summary>
    /// <exception cref="ObjectDisposedException">The memory was given back.</exception>
    public byte* Start
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            ObjectDisposedException.ThrowIf(_pointer == null, this);
            return (byte*)_pointer;
        }
    }

    /// <summary>The buffer itself if it is long enough, or else a longer one in its place, content undefined.</summary>
    public static NativeBuffer Grow(NativeBuffer? buffer, long bytes, string purpose)
    {
        // After a failure the caller still holds the old buffer, whose memory is gone.
        if (buffer is not null && buffer._pointer != null && buffer.Bytes >= bytes)
        {
            return buffer;
        }

        long length = Math.Max(bytes, buffer is null ? 0 : Math.Min(2 * buffer.Bytes, buffer.Bytes + (64L << 20)));
        buffer?.Dispose();
        return new NativeBuffer(length, zero: false, purpose);
    }

    /// <summary>Frees the memory; a second call does nothing.</summary>
    public void Dispose()
    {
        if (_pointer != null)
        {
            NativeMemory.AlignedFree(_pointer);
            _pointer = null;
        }
    }
}
