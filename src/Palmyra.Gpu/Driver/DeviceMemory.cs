namespace Palmyra.Gpu.Driver;

/// <summary>Device memory in pieces, cut from large slabs: asking the driver for each would take longer than many an operation.</summary>
/// <remarks>
/// <para>A piece that was given back is cut again at once, without waiting: everything runs on one stream, so what uses the memory next runs
/// after what used it last. Recorded launches hold addresses and not pieces: keep a recording's memory as long as the recording.</para>
/// <para>Pieces larger than half a slab get one of their own, of just their size. An empty slab goes back to the driver unless it is the only
/// one of the common size. Used by one thread at a time, as the driver is.</para>
/// </remarks>
/// <param name="driver">Where slabs come from; it outlives this object.</param>
/// <param name="slabBytes">Bytes of a slab; 64 MiB by default.</param>
public sealed class DeviceMemory(IGpuDriver driver, long slabBytes = DeviceMemory.SlabBytes) : IDisposable
{
    /// <summary>Bytes of a slab unless stated.</summary>
    public const long SlabBytes = 64L << 20;

    /// <summary>Pieces begin at multiples of it, as <see cref="IGpuDriver.Allocate"/>'s do.</summary>
    public const int Alignment = 256;

    private readonly List<Slab> _slabs = [];
    private bool _disposed;

    /// <summary>Bytes taken from the driver.</summary>
    public long ReservedBytes => _slabs.Sum(slab => slab.Bytes);

    /// <summary>Bytes of the pieces in use, rounded up to the alignment.</summary>
    public long UsedBytes => _slabs.Sum(slab => slab.Used);

    /// <summary>Cuts a piece; its content is undefined.</summary>
    /// <param name="bytes">At least 1.</param>
    /// <exception cref="Diagnostics.BackendException">There is not enough memory.</exception>
    public DevicePiece Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        ObjectDisposedException.ThrowIf(_disposed, this);
        long size = Aligned(bytes);
        Slab slab = Cut(_slabs, size, slabBytes, driver.Allocate, out nint offset);
        return new DevicePiece(this, slab, offset, bytes, size);
    }

    /// <summary>What pieces take when they are cut in turn and none is given back: <see cref="ReservedBytes"/> without a device.</summary>
    /// <param name="pieces">Their bytes.</param>
    public static long ReservedFor(IEnumerable<long> pieces)
    {
        var slabs = new List<Slab>();
        foreach (long bytes in pieces)
        {
            Cut(slabs, Aligned(bytes), SlabBytes, _ => 0, out _);
        }

        return slabs.Sum(slab => slab.Bytes);
    }

    /// <summary>Bytes of a piece, rounded up to the alignment.</summary>
    internal static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>Gives all slabs back, and with them every piece.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            foreach (Slab slab in _slabs)
            {
                driver.Free(slab.Address);
            }

            _slabs.Clear();
        }
    }

    internal void Return(Slab slab, nint offset, long size)
    {
        if (_disposed)
        {
            return;
        }

        slab.Return(offset, size);
        if (slab.Used == 0 && (slab.Own || _slabs.Exists(other => other != slab && !other.Own && other.Used == 0)))
        {
            _slabs.Remove(slab);
            driver.Free(slab.Address);
        }
    }

    private static Slab Cut(List<Slab> slabs, long size, long slabBytes, Func<long, nint> allocate, out nint offset)
    {
        bool own = size > slabBytes / 2;
        if (!own)
        {
            foreach (Slab slab in slabs)
            {
                if (!slab.Own && slab.TryCut(size, out offset))
                {
                    return slab;
                }
            }
        }

        long whole = own ? size : Math.Max(Alignment, slabBytes);
        var fresh = new Slab(allocate(whole), whole, own);
        slabs.Add(fresh);
        fresh.TryCut(size, out offset);
        return fresh;
    }

    /// <summary>One allocation of the driver, and what of it is free.</summary>
    internal sealed class Slab(nint address, long bytes, bool own)
    {
        // Offset and length of every free range, by offset; neighbours are always merged.
        private readonly List<(nint Offset, long Bytes)> _free = [(0, bytes)];

        public nint Address => address;

        public long Bytes => bytes;

        /// <summary>Whether it was allocated for one large piece.</summary>
        public bool Own => own;

        public long Used { get; private set; }

        /// <summary>Takes the first range that is large enough: pieces of a model stay together at the front.</summary>
        public bool TryCut(long size, out nint offset)
        {
            int at = _free.FindIndex(range => range.Bytes >= size);
            if (at < 0)
            {
                offset = 0;
                return false;
            }

            (offset, long length) = _free[at];
            if (length == size)
            {
                _free.RemoveAt(at);
            }
            else
            {
                _free[at] = (offset + (nint)size, length - size);
            }

            Used += size;
            return true;
        }

        public void Return(nint offset, long size)
        {
            Used -= size;
            int at = _free.FindIndex(range => range.Offset > offset);
            at = at < 0 ? _free.Count : at;
            if (at < _free.Count && offset + size == _free[at].Offset)
            {
                size += _free[at].Bytes;
                _free.RemoveAt(at);
            }

            if (at > 0 && _free[at - 1].Offset + _free[at - 1].Bytes == offset)
            {
                _free[at - 1] = (_free[at - 1].Offset, _free[at - 1].Bytes + size);
            }
            else
            {
                _free.Insert(at, (offset, size));
            }
        }
    }
}
