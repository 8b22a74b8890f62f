namespace Palmyra.Checkpoints;

/// <summary>Bytes of a <see cref="ByteSource"/> that stay readable at one address until this is disposed, also after the source itself is.</summary>
/// <remarks>What uses a checkpoint's numbers where they lie holds one of these; the file is unmapped when the last is given back.</remarks>
public sealed class ByteLease : IDisposable
{
    private readonly nint _address;
    private Action? _release;

    internal ByteLease(nint address, long length, Action release)
    {
        _address = address;
        Length = length;
        _release = release;
    }

    /// <summary>Where the first byte lies.</summary>
    /// <exception cref="ObjectDisposedException">The lease was given back.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_release is null, this);
            return _address;
        }
    }

    /// <summary>The number of bytes.</summary>
    public long Length { get; }

    /// <summary>Gives the bytes back; a second call does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
