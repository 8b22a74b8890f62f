using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>A file mapped read-only into the address space: opening it reads nothing, pages come from the system's cache when touched.</summary>
/// <remarks>
/// The file must not be truncated by another process while it is mapped; replacing it by rename, as Palmyra's own writer does, is safe.
/// </remarks>
internal sealed unsafe class MappedFile : ByteSource
{
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _start;
    private bool _disposed;

    /// <summary>Maps a file.</summary>
    /// <exception cref="CheckpointException">It does not exist or cannot be opened or mapped.</exception>
    public MappedFile(string path)
    {
        try
        {
            using FileStream? stream = RegularFile.Open(path);
            Length = stream?.Length ?? 0;
            if (stream is null || Length == 0)
            {
                return;
            }

            _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            byte* pointer = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
            _start = pointer + _view.PointerOffset;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            _view?.Dispose();
            _map?.Dispose();
            throw new CheckpointException($"{path}: the file cannot be opened for reading: {error.Message}", error);
        }
    }

    /// <summary>Copies a whole file to a stream.</summary>
    /// <exception cref="CheckpointException">The file cannot be read.</exception>
    public static void Copy(string path, Stream destination)
    {
        const int Piece = 1 << 20;
        using var source = new MappedFile(path);
        for (long at = 0; at < source.Length;)
        {
            ReadOnlySpan<byte> piece = source.Slice(at, (int)Math.Min(Piece, source.Length - at));
            destination.Write(piece);
            at += piece.Length;
        }
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Slice(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RequireInside(offset, count);
        return new ReadOnlySpan<byte>(_start + offset, count);
    }

    /// <inheritdoc/>
    public override ByteLease Lease(long offset, long length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RequireInside(offset, length);
        if (_view is null)
        {
            return new ByteLease(0, 0, () => { });
        }

        // The view's handle counts those who hold its pointer, and unmaps when it is disposed and the last has let go.
        SafeMemoryMappedViewHandle handle = _view.SafeMemoryMappedViewHandle;
        byte* pointer = null;
        handle.AcquirePointer(ref pointer);
        return new ByteLease((nint)(_start + offset), length, handle.ReleasePointer);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (_start is not null)
        {
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        }

        _view?.Dispose();
        _map?.Dispose();
    }
}
