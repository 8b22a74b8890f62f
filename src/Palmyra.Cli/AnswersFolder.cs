namespace Palmyra.Cli;

/// <summary>Where a run keeps its answers until it is done: a folder beside the results, with a journal for each model and task.</summary>
/// <remarks>One run at a time has it. Only the journals of this run are ever deleted, and the folder only if nothing else is in it.</remarks>
internal sealed class AnswersFolder : IDisposable
{
    private readonly string _folder;
    private readonly FileStream _lock;
    private readonly List<string> _journals = [];

    private AnswersFolder(string folder, FileStream opened) => (_folder, _lock) = (folder, opened);

    /// <summary>Takes the folder of a file of results.</summary>
    /// <exception cref="IOException">Another run has it.</exception>
    public static AnswersFolder Open(string results)
    {
        string folder = results + ".answers";
        Directory.CreateDirectory(folder);
        try
        {
            return new AnswersFolder(folder, new FileStream(
                Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose));
        }
        catch (IOException failure)
        {
            throw new IOException($"{folder} is in use: another evaluation is writing {results}; wait for it, or give another --output.", failure);
        }
    }

    /// <summary>The journal of a model and a task.</summary>
    /// <param name="model">The model's name, and what tells it from others of that name.</param>
    /// <param name="task">The task's name.</param>
    /// <param name="fresh">Whether answers that are there are thrown away.</param>
    public string Journal(string model, string task, bool fresh)
    {
        string path = Path.Combine(_folder, $"{FileName(model)}.{FileName(task)}.jsonl");
        if (fresh)
        {
            File.Delete(path);
        }

        _journals.Add(path);
        return path;
    }

    /// <summary>Removes this run's journals, which the results have taken the place of.</summary>
    public void DeleteJournals()
    {
        foreach (string path in _journals)
        {
            File.Delete(path);
        }
    }

    public void Dispose()
    {
        _lock.Dispose();
        if (!Directory.EnumerateFileSystemEntries(_folder).Any())
        {
            Directory.Delete(_folder);
        }
    }

    // An id has slashes, and an API's model may be called anything.
    private static string FileName(string name) =>
        string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' ? letter : '-'));
}
