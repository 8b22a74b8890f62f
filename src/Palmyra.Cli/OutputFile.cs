namespace Palmyra.Cli;

/// <summary>A file that a command will write at its end: what is wrong with its name is told at the beginning, before hours of work.</summary>
internal static class OutputFile
{
    /// <summary>Refuses a file that could not be written. A file that is there already is no reason; whether it may be replaced is the caller's to say.</summary>
    /// <param name="path">The file.</param>
    /// <param name="option">The option that names it, dashes included.</param>
    /// <exception cref="UsageException">It is a folder, or the folder it would be in is absent.</exception>
    /// <exception cref="IOException">Its folder does not take files.</exception>
    public static void Check(string path, string option)
    {
        if (string.IsNullOrWhiteSpace(path))
        {
            throw new UsageException($"{option} was expected to be a path; found an empty text.");
        }

        if (Directory.Exists(path))
        {
            throw new UsageException($"{option} was expected to be a file; '{path}' is a folder.");
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder))
        {
            throw new UsageException($"{option} '{path}': there is no folder '{folder}'.");
        }

        try
        {
            // Permissions, read-only disks and names too long are known for sure only by trying, and this is how AtomicFiles will write.
            using FileStream trial = new(
                $"{path}.{Path.GetRandomFileName()}.tmp", FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{option} '{path}': the file cannot be written: {error.Message}", error);
        }
    }
}
