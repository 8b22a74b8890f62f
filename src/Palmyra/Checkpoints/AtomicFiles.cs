using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>Writes files so that a reader finds the old one or the whole new one, never a part: under a temporary name, then renamed.</summary>
/// <remarks>
/// Files staged together are first all written and flushed to disk, then renamed one after the other; a failure while writing leaves
/// every old file as it was. Not thread-safe.
/// </remarks>
public sealed class AtomicFiles : IDisposable
{
    private readonly List<(string Temporary, string Path)> _staged = [];

    /// <summary>Writes one file.</summary>
    /// <param name="path">The file; replaced if it exists. Its folder must exist.</param>
    /// <param name="write">Writes the content to the stream it is given.</param>
    /// <exception cref="CheckpointException">The disk is full, or the folder is missing or not writable. The old file is unchanged.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        using var files = new AtomicFiles();
        files.Stage(path, write);
        files.Commit();
    }

    /// <summary>Writes a file's new content beside it and flushes it to disk. The file itself changes with <see cref="Commit"/>.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">Writes the content to the stream it is given. What it throws is passed on.</param>
    /// <exception cref="CheckpointException">The disk is full, or the folder is missing or not writable.</exception>
    public void Stage(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        const int BufferSize = 1 << 16;
        string temporary = $"{path}.{Path.GetRandomFileName()}.tmp";
        try
        {
            using var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, BufferSize);
            _staged.Add((temporary, path));
            write(stream);
            stream.Flush(flushToDisk: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(path, error);
        }
    }

    /// <summary>Gives every staged file its name, in the order of staging.</summary>
    /// <exception cref="CheckpointException">A file cannot be replaced; those staged before it are already in place.</exception>
    public void Commit()
    {
        while (_staged.Count > 0)
        {
            (string temporary, string path) = _staged[0];
            try
            {
                File.Move(temporary, path, overwrite: true);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw CannotWrite(path, error);
            }

            _staged.RemoveAt(0);
        }
    }

    /// <summary>Removes the temporary files of whatever was not committed.</summary>
    public void Dispose()
    {
        foreach ((string temporary, _) in _staged)
        {
            try
            {
                File.Delete(temporary);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // The failure that brought us here is the one to report; a temporary file that cannot be removed harms nobody.
            }
        }

        _staged.Clear();
    }

    private static CheckpointException CannotWrite(string path, Exception error) =>
        new($"{path}: the file cannot be written: {error.Message} What was there before is unchanged.", error);
}
