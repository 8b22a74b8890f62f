using System.Security.Cryptography;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Tasks;

/// <summary>A data file of a task, with its checksum and those of the files that belong to it.</summary>
public sealed class DataFile
{
    private DataFile(string path, string sha256, KnownFile? known, IReadOnlyList<FileSum> beside)
    {
        Path = path;
        Sha256 = sha256;
        Known = known;
        Beside = beside;
    }

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>SHA-256 of its bytes, lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>The published file it is, or null.</summary>
    public KnownFile? Known { get; }

    /// <summary>The files beside it that belong to it: labels.</summary>
    public IReadOnlyList<FileSum> Beside { get; }

    /// <summary>Opens a file and sums it up.</summary>
    /// <param name="path">The file.</param>
    /// <param name="task">The task whose published files it is compared with.</param>
    /// <param name="cancellation">Looked at while reading.</param>
    /// <exception cref="EvaluationException">It cannot be read, or is empty, a pipe or a device.</exception>
    public static async Task<DataFile> OpenAsync(string path, EvaluationTask task, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(task);
        string sum = await SumAsync(path, task, cancellation).ConfigureAwait(false);
        var beside = new List<FileSum>();
        foreach (string other in task.FilesBeside(path))
        {
            beside.Add(new FileSum(System.IO.Path.GetFileName(other), await SumAsync(other, task, cancellation).ConfigureAwait(false)));
        }

        return new DataFile(path, sum, task.KnownFiles.FirstOrDefault(known => known.Sha256 == sum), beside);
    }

    private static async Task<string> SumAsync(string path, EvaluationTask task, CancellationToken cancellation)
    {
        try
        {
            FileStream stream = OpenRead(path);
            await using (stream.ConfigureAwait(false))
            {
                return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation).ConfigureAwait(false));
            }
        }
        catch (IOException failure)
        {
            throw new EvaluationException($"{path}: the data of {task.Name} cannot be read: {failure.Message}", failure);
        }
    }

    /// <summary>Opens a file of data from its beginning. A pipe would be empty the second time, and data is read several times.</summary>
    /// <exception cref="EvaluationException">It cannot be opened, or is empty, a pipe or a device.</exception>
    internal static FileStream OpenRead(string path)
    {
        try
        {
            return RegularFile.Open(path, FileOptions.SequentialScan)
                ?? throw new EvaluationException($"{path}: the file is empty (pipes and devices count as empty).");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new EvaluationException($"{path}: the file cannot be opened: {failure.Message}", failure);
        }
    }
}
