using System.Buffers;
using System.Runtime.InteropServices;

namespace Palmyra.Checkpoints;

/// <summary>Bytes of an open checkpoint file, addressed by 64-bit offsets and handed out as spans.</summary>
/// <remarks>The usual one is a memory-mapped file; tests and the writer's callers use an array. Valid until disposed.</remarks>
public abstract class ByteSource : IDisposable
{
    private protected ByteSource()
    {
    }

    /// <summary>The number of bytes.</summary>
    public abstract long Length { get; }

    /// <summary>Bytes [offset, offset + count).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the source.</exception>
    public abstract ReadOnlySpan<byte> Slice(long offset, int count);

    /// <summary>Holds bytes [offset, offset + length) where they are until the lease is disposed, also after the source itself is.</summary>
    /// <remarks>Any thread may ask and give back.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the source.</exception>
    /// <exception cref="ObjectDisposedException">The source is disposed.</exception>
    public abstract ByteLease Lease(long offset, long length);

    /// <summary>A source over an array.</summary>
    public static ByteSource Of(ReadOnlyMemory<byte> bytes) => new MemorySource(bytes);

    /// <summary>A source over an array of floats, which may be larger than a span of bytes can be.</summary>
    public static ByteSource Of(float[] values) => new FloatSource(values);

    /// <summary>Releases the file.</summary>
    public abstract void Dispose();

    private protected void RequireInside(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
    }

    private sealed class MemorySource(ReadOnlyMemory<byte> bytes) : ByteSource
    {
        public override long Length => bytes.Length;

        public override ReadOnlySpan<byte> Slice(long offset, int count)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, bytes.Length);
            return bytes.Span.Slice((int)offset, count);
        }

        public override unsafe ByteLease Lease(long offset, long length)
        {
            RequireInside(offset, length);
            MemoryHandle pin = bytes.Pin();
            return new ByteLease((nint)pin.Pointer + (nint)offset, length, pin.Dispose);
        }

        public override void Dispose()
        {
        }
    }

    private sealed class FloatSource(float[] values) : ByteSource
    {
        public override long Length => values.LongLength * sizeof(float);

        public override ReadOnlySpan<byte> Slice(long offset, int count)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            ArgumentOutOfRangeException.ThrowIfNegative(count);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - count);
            (long first, long skip) = Math.DivRem(offset, sizeof(float));
            int elements = (int)((skip + count + sizeof(float) - 1) / sizeof(float));
            return MemoryMarshal.AsBytes(values.AsSpan((int)first, elements)).Slice((int)skip, count);
        }

        public override ByteLease Lease(long offset, long length)
        {
            RequireInside(offset, length);
            GCHandle pin = GCHandle.Alloc(values, GCHandleType.Pinned);
            return new ByteLease(pin.AddrOfPinnedObject() + (nint)offset, length, pin.Free);
        }

        public override void Dispose()
        {
        }
    }
}
