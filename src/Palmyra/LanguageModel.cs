using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Generation;
using Palmyra.Models;
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

    private LanguageModel(string folder, Task<GptTokenizer> tokenizer, Transformer transformer, IReadOnlyList<string> unexpectedTensors)
    {
        Folder = folder;
        Transformer = transformer;
        UnexpectedTensors = unexpectedTensors;
        _tokenizer = tokenizer;
        _generationDefaults = new Lazy<GenerationOptions>(() => GenerationOptionsReader.ReadDirectory(folder));
    }

    /// <summary>The folder it was opened from.</summary>
    public string Folder { get; }

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
            MatrixFormat format = options.Format ?? FormatOf(weights.StoredType);
            Transformer transformer = TransformerLoader.Load(config, backend, format, weights.View, options.Progress, cancellation);
            return new LanguageModel(folder, tokenizer, transformer, weights.Unexpected);
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
    /// files and generation_config.json are copied from <see cref="Folder"/>.
    /// </remarks>
    /// <param name="folder">Where to; made if missing.</param>
    /// <param name="type">F32, F16 or BF16; as the weights are stored in memory if null.</param>
    /// <param name="cancellation">Stops the writing.</param>
    /// <exception cref="Diagnostics.CheckpointException">The folder cannot be written, or a file to be copied cannot be read.</exception>
    public void Save(string folder, ElementType? type = null, CancellationToken cancellation = default)
    {
        ElementType stored = type ?? TypeOf(Transformer.Weights.Tokens.Format);
        var others = new Dictionary<string, Action<Stream>>
        {
            ["config.json"] = stream => ModelConfigWriter.Write(Config, NameOf(stored), stream),
        };
        foreach (string name in TokenizerFolder.Files.Prepend(GenerationOptionsReader.FileName).Where(name => File.Exists(Path.Combine(Folder, name))))
        {
            others[name] = stream => Copy(Path.Combine(Folder, name), stream);
        }

        SafetensorsWriter.WriteFolder(folder, TransformerWriter.Tensors(Transformer, stored), others: others, cancellation: cancellation);
    }

    /// <summary>Gives the weights back and disposes the backend.</summary>
    public void Dispose()
    {
        Transformer.Dispose();
        Backend.Dispose();
    }

    private static void Copy(string path, Stream destination)
    {
        using var source = new MappedFile(path);
        for (long at = 0; at < source.Length;)
        {
            ReadOnlySpan<byte> piece = source.Slice(at, (int)Math.Min(1 << 20, source.Length - at));
            destination.Write(piece);
            at += piece.Length;
        }
    }

    private static ElementType TypeOf(MatrixFormat format) => format switch
    {
        MatrixFormat.F16 => ElementType.F16,
        MatrixFormat.BF16 => ElementType.BF16,
        _ => ElementType.F32,
    };

    private static string NameOf(ElementType type) => type switch
    {
        ElementType.F16 => "float16",
        ElementType.BF16 => "bfloat16",
        _ => "float32",
    };

    private static MatrixFormat FormatOf(ElementType type) => type switch
    {
        ElementType.F16 => MatrixFormat.F16,
        ElementType.BF16 => MatrixFormat.BF16,
        _ => MatrixFormat.F32,
    };
}
