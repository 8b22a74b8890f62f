using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Generation;
using Palmyra.Models;
using Palmyra.Quantization;
using Palmyra.Tokenization;

namespace Palmyra;

/// <summary>A model opened from a Hugging Face folder: its configuration, its weights on a backend, its tokenizer and its defaults.</summary>
/// <remarks>
/// Start here. Generators, scorers and extractors of one model may work on several threads: each step holds a lock on the backend object.
/// Whoever calls <see cref="Transformer"/> directly takes that lock too. Dispose them before the model.
/// </remarks>
public sealed class LanguageModel : IDisposable
{
    private readonly Task<GptTokenizer> _tokenizer;
    private readonly Lazy<GenerationOptions> _generationDefaults;

    private LanguageModel(
        string folder,
        Task<GptTokenizer> tokenizer,
        Transformer transformer,
        IReadOnlyList<string> weightFiles,
        IReadOnlyList<string> unexpectedTensors)
    {
        Folder = folder;
        WeightFiles = weightFiles;
        Transformer = transformer;
        UnexpectedTensors = unexpectedTensors;
        _tokenizer = tokenizer;
        _generationDefaults = new Lazy<GenerationOptions>(() => GenerationOptionsReader.ReadDirectory(folder));
    }

    /// <summary>The folder it was opened from.</summary>
    public string Folder { get; }

    /// <summary>The paths of the files its weights were read from.</summary>
    public IReadOnlyList<string> WeightFiles { get; }

    /// <summary>The graph with its weights.</summary>
    public Transformer Transformer { get; }

    /// <summary>The hyper-parameters.</summary>
    public ModelConfig Config => Transformer.Config;

    /// <summary>Where it runs.</summary>
    public IBackend Backend => Transformer.Backend;

    /// <summary>The tokenizer. It is opened beside the weights, and what is wrong with it is said here: a folder without one still runs on token ids.</summary>
    /// <exception cref="Diagnostics.TokenizationException">The folder has no tokenizer files, or they are damaged.</exception>
    public GptTokenizer Tokenizer => _tokenizer.GetAwaiter().GetResult();

    /// <summary>Whether the folder holds a vocabulary; a damaged one is there too, and <see cref="Tokenizer"/> says what is wrong with it.</summary>
    public bool HasTokenizer => TokenizerFolder.HasVocabulary(Folder);

    /// <summary>How the checkpoint wants to be generated from: generation_config.json, else config.json's generation keys, else transformers' defaults.</summary>
    /// <remarks>What a call wants otherwise it says on top: <c>model.GenerationDefaults with { Temperature = 0.7f }</c>.</remarks>
    /// <exception cref="Diagnostics.GenerationException">The file is damaged.</exception>
    public GenerationOptions GenerationDefaults => _generationDefaults.Value;

    /// <summary>Tensors of the checkpoint that the model has no use for, in ordinal order.</summary>
    public IReadOnlyList<string> UnexpectedTensors { get; }

    /// <summary>Opens a model from a folder as transformers saves it, or by its id from the local Hugging Face cache.</summary>
    /// <param name="folderOrHubId">A folder's path, or an id "org/name". Nothing is downloaded.</param>
    /// <param name="options">How to open it; the defaults if null.</param>
    /// <param name="cancellation">Looked at between tensors.</param>
    /// <exception cref="Diagnostics.CheckpointException">The folder or its weights are missing, damaged or do not fit the configuration.</exception>
    /// <exception cref="Diagnostics.ModelConfigException">The configuration is damaged or describes a model Palmyra does not run.</exception>
    /// <exception cref="Diagnostics.BackendException">There is not enough memory, or a weight does not fit the format.</exception>
    public static LanguageModel Open(string folderOrHubId, LanguageModelOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new LanguageModelOptions();
        IBackend backend = options.Backend ?? new CheckedBackend(new Backends.Cpu.CpuBackend());
        try
        {
            using Checkpoint checkpoint = Checkpoint.Open(folderOrHubId, options.Variant, options.Revision);
            ModelConfig config = ModelConfigReader.ReadFile(checkpoint.ConfigPath);
            string folder = checkpoint.Folder;
            Task<GptTokenizer> tokenizer = Task.Run(() => GptTokenizer.Open(folder, options.Tokenizer), CancellationToken.None);
            var weights = new CheckpointWeights(config, checkpoint.Tensors, folder);
            Transformer transformer = TransformerLoader.Load(config, backend, options.Format, weights.View, options.Progress, cancellation);
            return new LanguageModel(folder, tokenizer, transformer, checkpoint.WeightFiles, weights.Unexpected);
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    /// <summary>Saves the model as transformers would: config.json, model.safetensors (in shards above 5 GB) and its other files.</summary>
    /// <remarks>
    /// All files are written under temporary names and then renamed: if the writing fails, what the folder held is unchanged. Tokenizer
    /// files and generation_config.json are copied from <see cref="Folder"/>; another model's are removed.
    /// </remarks>
    /// <param name="folder">Where to; made if missing.</param>
    /// <param name="format">How matrices are stored in the file, by <see cref="StorageFormat"/>; as they are in memory if null.</param>
    /// <param name="cancellation">Stops the writing.</param>
    /// <exception cref="Diagnostics.CheckpointException">The folder cannot be written, or a file to be copied cannot be read.</exception>
    /// <exception cref="Diagnostics.BackendException">A weight does not fit the format.</exception>
    public void Save(string folder, MatrixFormat? format = null, CancellationToken cancellation = default)
    {
        TransformerWeights weights = Transformer.Weights;
        MatrixFormat layers = format ?? weights.Blocks[0].Up.Format;
        MatrixFormat floats = layers.IsGrouped() ? weights.Positions?.Format ?? MatrixFormat.F32 : layers;
        var others = new Dictionary<string, Action<Stream>>
        {
            ["config.json"] = stream => ModelConfigWriter.Write(Config, ModelConfigWriter.Name(TransformerWriter.TypeOf(floats)), stream, layers),
        };
        foreach ((string name, string path) in SideFiles(Folder))
        {
            others[name] = stream => MappedFile.Copy(path, stream);
        }

        IReadOnlyDictionary<string, string>? metadata = layers.IsGrouped() ? PackedMatrix.FileMetadata : null;
        SafetensorsWriter.WriteFolder(
            folder, TransformerWriter.Tensors(Transformer, format), metadata: metadata, others: others, cancellation: cancellation);
    }

    /// <summary>The names of the files that go with a model wherever it is saved: its tokenizer's and generation_config.json.</summary>
    internal static IReadOnlyList<string> SideFileNames { get; } = [GenerationOptionsReader.FileName, .. TokenizerFolder.Files];

    /// <summary>Those of <see cref="SideFileNames"/> that a folder has.</summary>
    internal static IEnumerable<(string Name, string Path)> SideFiles(string folder) =>
        SideFileNames
            .Select(name => (name, Path.Combine(folder, name)))
            .Where(file => File.Exists(file.Item2));

    /// <summary>Gives the weights back and disposes the backend.</summary>
    public void Dispose()
    {
        try
        {
            Transformer.Dispose();
        }
        finally
        {
            Backend.Dispose();
        }
    }
}
