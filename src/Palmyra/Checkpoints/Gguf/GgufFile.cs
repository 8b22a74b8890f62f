using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints.Gguf;

/// <summary>An open GGUF file, version 2 or 3: its metadata and its tensors. The format is ggml's.</summary>
/// <remarks>The file is memory-mapped, so opening reads its directory only. What it hands out is valid until it is disposed.</remarks>
public sealed class GgufFile : IDisposable
{
    /// <summary>How such files' names end.</summary>
    public const string Extension = ".gguf";

    private readonly MappedFile _file;

    private GgufFile(string path, MappedFile file)
    {
        Path = path;
        _file = file;
        Metadata = GgufReader.Read(file, path, out IReadOnlyDictionary<string, GgufTensor> tensors);
        Tensors = tensors;
    }

    /// <summary>The file's path as it was given.</summary>
    public string Path { get; }

    /// <summary>Its metadata.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>Its tensors by name, in the file's order.</summary>
    public IReadOnlyDictionary<string, GgufTensor> Tensors { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="CheckpointException">It cannot be opened, is damaged, or holds what Palmyra does not read.</exception>
    public static GgufFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var file = new MappedFile(path);
        try
        {
            return new GgufFile(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Releases the mapping.</summary>
    public void Dispose() => _file.Dispose();
}
