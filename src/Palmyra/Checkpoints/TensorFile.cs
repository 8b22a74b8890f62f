using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>One open file of tensors: .safetensors, or what torch.save wrote (.bin, .pt, .pth).</summary>
/// <remarks>The file is memory-mapped, so opening reads its directory only. Its tensors are valid until it is disposed.</remarks>
public sealed class TensorFile : IDisposable
{
    private static readonly Dictionary<string, string> NoMetadata = [];

    private readonly MappedFile _file;

    private TensorFile(string path, MappedFile file)
    {
        Path = path;
        _file = file;
        string extension = System.IO.Path.GetExtension(path);
        if (file.Length >= 12 && file.Slice(0, 12).SequenceEqual("version http"u8))
        {
            throw new CheckpointException($"{path}: this is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'.");
        }

        switch (extension)
        {
            case ".safetensors":
                Tensors = SafetensorsReader.Read(file, path, out IReadOnlyDictionary<string, string> metadata);
                Metadata = metadata;
                break;
            case ".bin" or ".pt" or ".pth":
                Tensors = TorchArchive.Read(file, path);
                Metadata = NoMetadata;
                break;
            default:
                throw new CheckpointException($"{path}: a file of tensors ends in .safetensors, .bin, .pt or .pth; found '{extension}'.");
        }
    }

    /// <summary>The file's path as it was given.</summary>
    public string Path { get; }

    /// <summary>A view of every tensor, in the file's order.</summary>
    public IReadOnlyDictionary<string, TensorView> Tensors { get; }

    /// <summary>The pairs under <c>__metadata__</c> of a safetensors file; empty for the others.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file; its extension says which container it is.</summary>
    /// <exception cref="CheckpointException">It cannot be opened, is damaged, or is of no known kind.</exception>
    public static TensorFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var file = new MappedFile(path);
        try
        {
            return new TensorFile(path, file);
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
