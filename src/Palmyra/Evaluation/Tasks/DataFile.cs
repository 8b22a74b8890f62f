using System.Security.Cryptography;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Tasks;

/// <summary>A data file of a task, with its checksum.</summary>
public sealed class DataFile
{
    private DataFile(string path, long bytes, string sha256, KnownFile? known)
    {
        Path = path;
        Bytes = bytes;
        Sha256 = sha256;
        Known = known;
    }

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>Its length.</summary>
    public long Bytes { get; }

    /// <summary>SHA-256 of its bytes, lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>The published file it is, or null.</summary>
    public KnownFile? Known { get; }

    /// <summary>Opens a file and sums it up.</summary>
    /// <param name="path">The file.</param>
    /// <param name="task">The task whose published files it is compared with.</param>
    /// <param name="cancellation">Looked at while reading.</param>
    /// <exception cref="EvaluationException">It cannot be read.</exception>
    public static async Task<DataFile> OpenAsync(string path, EvaluationTask task, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(task);
        try
        {
            FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, useAsync: true);
            await using (stream.ConfigureAwait(false))
            {
                byte[] sum = await SHA256.HashDataAsync(stream, cancellation).ConfigureAwait(false);
                string text = Convert.ToHexStringLower(sum);
                return new DataFile(path, stream.Length, text, task.KnownFiles.FirstOrDefault(known => known.Sha256 == text));
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new EvaluationException($"{path}: the data of {task.Name} cannot be read: {failure.Message}", failure);
        }
    }
}
