using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>A model's folder as Hugging Face transformers saves it: its configuration, tokenizer files and tensors.</summary>
/// <remarks>
/// The tensors' files are mapped when <see cref="Tensors"/> is first asked for, so a folder without weights serves for its configuration
/// and tokenizer. Views of tensors are valid until the checkpoint is disposed. Not thread-safe.
/// </remarks>
public sealed class Checkpoint : IDisposable
{
    internal const string ConfigFile = "config.json";

    private readonly string? _variant;
    private readonly List<TensorFile> _files = [];
    private IReadOnlyDictionary<string, TensorView>? _tensors;
    private bool _disposed;

    private Checkpoint(string folder, string name, string? variant)
    {
        Folder = folder;
        Name = name;
        _variant = variant;
        ConfigPath = PathOf(ConfigFile)
            ?? throw new CheckpointException($"{folder}: the folder has no {ConfigFile}, so it is not a model's folder.");
    }

    /// <summary>The folder's path.</summary>
    public string Folder { get; }

    /// <summary>What the model is called: the id it was found by in the Hugging Face cache, or the name of its folder.</summary>
    public string Name { get; }

    /// <summary>The path of config.json, which exists.</summary>
    public string ConfigPath { get; }

    /// <summary>The files the tensors were found in; empty before <see cref="Tensors"/> was asked for.</summary>
    public IReadOnlyList<string> WeightFiles => [.. _files.Select(file => file.Path)];

    /// <summary>Whether the folder holds weights, in whatever state.</summary>
    public bool HasWeights => Array.Exists(WeightNames, name => PathOf(name) is not null);

    /// <summary>A view of every tensor, by its name in the file.</summary>
    /// <remarks>
    /// The first of these is read: model.safetensors, model.safetensors.index.json with its shards, pytorch_model.bin,
    /// pytorch_model.bin.index.json with its shards. An index decides which tensors there are: what else a shard holds is left out.
    /// </remarks>
    /// <exception cref="CheckpointException">There are no weights, or their files are damaged or incomplete.</exception>
    public IReadOnlyDictionary<string, TensorView> Tensors
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _tensors ??= OpenTensors();
        }
    }

    /// <summary>Opens a folder, or a model that the Hugging Face cache already holds. Nothing is downloaded.</summary>
    /// <param name="folderOrHubId">A folder's path, or an id "org/name" or "name" to look up in the cache. An existing folder wins.</param>
    /// <param name="variant">Which weights to read where a folder has several, for example "fp16" for model.fp16.safetensors; null for the plain ones.</param>
    /// <param name="revision">Which branch, tag or commit of a cached model; "main" if null. Means nothing for a folder.</param>
    /// <exception cref="CheckpointException">It is found neither way, or has no config.json.</exception>
    public static Checkpoint Open(string folderOrHubId, string? variant = null, string? revision = null) =>
        Open(folderOrHubId, variant, revision, Environment.GetEnvironmentVariable);

    /// <summary>Opens as <see cref="Open(string, string?, string?)"/> does, in a given environment.</summary>
    internal static Checkpoint Open(string folderOrHubId, string? variant, string? revision, Func<string, string?> environment)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folderOrHubId);
        if (variant is not null && !ShardIndex.IsPlainName(variant))
        {
            throw new ArgumentException($"'{variant}' is not the name of a variant.", nameof(variant));
        }

        if (File.Exists(folderOrHubId))
        {
            throw new CheckpointException(folderOrHubId.EndsWith(Gguf.GgufFile.Extension, StringComparison.OrdinalIgnoreCase)
                ? $"{folderOrHubId}: this is a GGUF file, not a folder; 'palmyra convert' makes one of it."
                : $"{folderOrHubId}: this is a file; give the folder that holds it and its {ConfigFile}.");
        }

        return Directory.Exists(folderOrHubId)
            ? new Checkpoint(folderOrHubId, Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folderOrHubId))), variant)
            : new Checkpoint(HubCache.Resolve(folderOrHubId, revision ?? "main", environment), folderOrHubId, variant);
    }

    /// <summary>Whether a path leads to this folder: links are followed, and letters' case counts where the system's files have it.</summary>
    /// <param name="path">A path; nothing need be there.</param>
    public bool IsAt(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return string.Equals(
            RealPath(path), RealPath(Folder), OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The path of a file of the folder, or null if it is not there.</summary>
    /// <param name="fileName">A plain name such as "tokenizer.json".</param>
    public string? PathOf(string fileName)
    {
        ArgumentNullException.ThrowIfNull(fileName);
        if (!ShardIndex.IsPlainName(fileName))
        {
            throw new ArgumentException($"'{fileName}' is not the plain name of a file.", nameof(fileName));
        }

        string path = Path.Combine(Folder, fileName);
        return File.Exists(path) ? path : null;
    }

    /// <summary>Releases the mappings.</summary>
    public void Dispose()
    {
        _disposed = true;
        Close();
    }

    private static string RealPath(string folder)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        string? parent = Path.GetDirectoryName(path);
        if (parent is null)
        {
            return path;
        }

        // Any folder on the way may be a link.
        path = Path.Combine(RealPath(parent), Path.GetFileName(path));
        return Directory.Exists(path) && Directory.ResolveLinkTarget(path, returnFinalTarget: true) is FileSystemInfo target
            ? RealPath(target.FullName)
            : path;
    }

    private void Close()
    {
        foreach (TensorFile file in _files)
        {
            file.Dispose();
        }

        _files.Clear();
        _tensors = null;
    }

    private string[] WeightNames =>
    [
        WithVariant("model.safetensors"), WithVariant("model.safetensors.index.json"),
        WithVariant("pytorch_model.bin"), WithVariant("pytorch_model.bin.index.json"),
    ];

    private IReadOnlyDictionary<string, TensorView> OpenTensors()
    {
        string path = WeightNames.Select(PathOf).FirstOrDefault(found => found is not null)
            ?? throw new CheckpointException($"{Folder}: the folder has no weights; looked for {string.Join(", ", WeightNames)}.");
        try
        {
            return path.EndsWith(".json", StringComparison.Ordinal) ? OpenShards(path) : OpenFile(path).Tensors;
        }
        catch
        {
            Close();
            throw;
        }
    }

    // transformers puts the variant before the last extension: model.fp16.safetensors, model.safetensors.index.fp16.json.
    private string WithVariant(string name) => _variant is null ? name : name.Insert(name.LastIndexOf('.'), "." + _variant);

    private TensorFile OpenFile(string path)
    {
        TensorFile file = TensorFile.Open(path);
        _files.Add(file);
        return file;
    }

    private OrderedDictionary<string, TensorView> OpenShards(string indexPath)
    {
        OrderedDictionary<string, string> map;
        using (var source = new MappedFile(indexPath))
        {
            map = ShardIndex.Read(source, indexPath);
        }

        string extension = Path.GetFileName(indexPath).Contains(".safetensors.index.", StringComparison.Ordinal) ? ".safetensors" : ".bin";
        var shards = new Dictionary<string, TensorFile>(StringComparer.Ordinal);
        foreach ((string tensor, string name) in map)
        {
            if (shards.ContainsKey(name))
            {
                continue;
            }

            string path = PathOf(name)
                ?? throw new CheckpointException($"{indexPath}: tensor '{tensor}' is said to lie in '{name}', which the folder does not have.");
            shards.Add(name, Path.GetExtension(name) == extension
                ? OpenFile(path)
                : throw new CheckpointException(
                    $"{indexPath}: tensor '{tensor}' is said to lie in '{name}'; a file ending in {extension} was expected."));
        }

        var tensors = new OrderedDictionary<string, TensorView>(map.Count, StringComparer.Ordinal);
        foreach ((string tensor, string name) in map)
        {
            tensors.Add(tensor, shards[name].Tensors.TryGetValue(tensor, out TensorView? view)
                ? view
                : throw new CheckpointException(
                    $"{shards[name].Path}: tensor '{tensor}', which {Path.GetFileName(indexPath)} promises, is not in this file."));
        }

        return tensors;
    }
}
