namespace Palmyra.Checkpoints;

/// <summary>Opens files whose bytes lie on a disk. Pipes and devices are never opened: to open one may wait for ever, and so may reading it.</summary>
internal static class RegularFile
{
    /// <summary>Opens a file for reading.</summary>
    /// <param name="path">The file, or a link to it.</param>
    /// <param name="options">How it is read.</param>
    /// <returns>The file; null where it has no bytes, which .NET cannot tell from a pipe or a device: they have no length either.</returns>
    /// <exception cref="IOException">It does not exist or cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be opened, or is a folder.</exception>
    public static FileStream? Open(string path, FileOptions options = FileOptions.None)
    {
        // What counts is the file a link leads to.
        var information = new FileInfo(path);
        return (information.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? information).Length == 0
            ? null
            : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1 << 16, options);
    }
}
