using System.IO.Enumeration;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Tasks;

/// <summary>Finds the data files of tasks in a folder.</summary>
public static class DataFolder
{
    /// <summary>
    /// The data file of a task: the one in the folder, or in a folder directly in it, that has one of its <see cref="EvaluationTask.FileNames"/>.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="task">The task.</param>
    /// <returns>Its path. Of several files with the same bytes, the first.</returns>
    /// <exception cref="EvaluationException">There is none, or there are several that differ.</exception>
    public static string Find(string folder, EvaluationTask task)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(task);
        if (task.FileNames.Count == 0)
        {
            throw new EvaluationException($"The task {task.Name} has no file of its own in a data folder; name the file it is to read.");
        }

        string[] found = Matches(folder, task);
        return found switch
        {
            [] => throw new EvaluationException(
                $"{folder}: no data of {task.Name} found; looked for {Sentence.List(task.FileNames, "or")} in it and in the folders in it."),
            [string only] => only,
            [string first, .. string[] others] => others.FirstOrDefault(other => !HaveSameBytes(first, other)) is string other
                ? throw new EvaluationException(
                    $"{folder}: expected one data file of {task.Name}; found {first} and {other}, which differ. Name the one that is meant.")
                : first,
        };
    }

    private static string[] Matches(string folder, EvaluationTask task)
    {
        try
        {
            string full = Path.GetFullPath(folder);
            return
            [
                .. Directory.GetDirectories(full).Order(StringComparer.Ordinal).Prepend(full)
                    .SelectMany(inner => Directory.GetFiles(inner).Order(StringComparer.Ordinal))
                    .Where(path => task.FileNames.Any(pattern => IsMatch(path, pattern)))
                    .Select(path => Path.Combine(folder, Path.GetRelativePath(full, path))),
            ];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new EvaluationException($"{folder}: the data folder cannot be read: {failure.Message}", failure);
        }
    }

    private static bool IsMatch(string path, string pattern)
    {
        string[] parts = pattern.Split('/');
        return Fits(parts[^1], Path.GetFileName(path))
            && (parts.Length == 1 || Fits(parts[0], Path.GetFileName(Path.GetDirectoryName(path)) ?? string.Empty));
    }

    private static bool Fits(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);

    private static bool HaveSameBytes(string left, string right)
    {
        using FileStream first = DataFile.OpenRead(left);
        using FileStream second = DataFile.OpenRead(right);
        if (first.Length != second.Length)
        {
            return false;
        }

        try
        {
            byte[] ours = new byte[1 << 16];
            byte[] theirs = new byte[1 << 16];
            int read;
            do
            {
                read = first.ReadAtLeast(ours, ours.Length, throwOnEndOfStream: false);
                if (read != second.ReadAtLeast(theirs, theirs.Length, throwOnEndOfStream: false)
                    || !ours.AsSpan(0, read).SequenceEqual(theirs.AsSpan(0, read)))
                {
                    return false;
                }
            }
            while (read > 0);
            return true;
        }
        catch (IOException failure)
        {
            throw new EvaluationException($"{left}: the file cannot be compared with {right}: {failure.Message}", failure);
        }
    }
}
