namespace Palmyra.Backends.Cpu;

/// <summary>Memory for weights, cut from large blocks, so that small matrices too lie in huge pages and neighbours follow each other.</summary>
/// <remarks>
/// A matrix of two megabytes with memory of its own reads a third slower than one of seven: the system gives it small pages, and the
/// processor's prefetching ends at each. A block goes back to the system when all that was cut from it has been disposed.
/// Matrices are loaded one after the other and disposed on any thread.
/// </remarks>
internal sealed unsafe class WeightArena : IDisposable
{
    private const long BlockBytes = 64L << 20;
    private const int Alignment = 64;

    private Block? _current;
    private bool _disposed;

    /// <summary>Cuts a piece, 64-byte aligned, content undefined.</summary>
    /// <exception cref="Diagnostics.BackendException">There is not enough memory.</exception>
    /// <exception cref="ObjectDisposedException">The arena was disposed.</exception>
    public Piece Allocate(Int128 bytes, string purpose)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Int128 size = (bytes + Alignment - 1) / Alignment * Alignment;
        if (size > BlockBytes / 2)
        {
            return new Piece(new Block(size, purpose), (long)bytes);
        }

        if (_current is null || !_current.Fits((long)size))
        {
            _current?.Release();
            _current = null;
            _current = new Block(BlockBytes, purpose);
            _current.Retain();
        }

        return new Piece(_current, (long)bytes);
    }

    /// <summary>Gives up the block that pieces are cut from; it lives on while one of them does.</summary>
    public void Dispose()
    {
        _disposed = true;
        _current?.Release();
        _current = null;
    }

    /// <summary>A piece of a block; the block's memory is freed with its last piece.</summary>
    internal sealed class Piece : IDisposable
    {
        private readonly Block _block;
        private readonly byte* _start;
        private bool _disposed;

        internal Piece(Block block, long bytes)
        {
            _block = block;
            _start = block.Cut((bytes + Alignment - 1) / Alignment * Alignment);
            Bytes = bytes;
        }

        /// <summary>Its length.</summary>
        public long Bytes { get; }

        /// <summary>Its first byte.</summary>
        /// <exception cref="ObjectDisposedException">The piece was given back.</exception>
        public byte* Start
        {
            get
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                return _start;
            }
        }

        /// <summary>Gives the piece back; a second call does nothing.</summary>
        public void Dispose()
        {
            if (!_disposed)
            {
                _disposed = true;
                _block.Release();
            }
        }
    }

    internal sealed class Block(Int128 size, string purpose)
    {
        private readonly NativeBuffer _memory = new(size, zero: false, purpose);
        private long _used;
        private int _users;

        public bool Fits(long bytes) => _memory.Bytes - _used >= bytes;

        public byte* Cut(long bytes)
        {
            byte* start = _memory.Start + _used;
            _used += bytes;
            Retain();
            return start;
        }

        public void Retain() => Interlocked.Increment(ref _users);

        public void Release()
        {
            if (Interlocked.Decrement(ref _users) == 0)
            {
                _memory.Dispose();
            }
        }
    }
}
