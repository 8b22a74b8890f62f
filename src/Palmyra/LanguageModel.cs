using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Models;

namespace Palmyra;

/// <summary>A model opened from a Hugging Face folder: its configuration, its weights on a backend, its tokenizer and its defaults.</summary>
/// <remarks>Start here. One model is used by one thread at a time.</remarks>
public sealed class LanguageModel : IDisposable
{
    private LanguageModel(string folder, Transformer transformer, IReadOnlyList<string> unexpectedTensors)
    {
        Folder = folder;
        Transformer = transformer;
        UnexpectedTensors = unexpectedTensors;
    }

    /// <summary>The folder it was opened from.</summary>
    public string Folder { get; }

    /// <summary>The graph with its weights.</summary>
    public Transformer Transformer { get; }

    /// <summary>The hyper-parameters.</summary>
    public ModelConfig Config => Transformer.Config;

    /// <summary>Where it runs.</summary>
    public IBackend Backend => Transformer.Backend;

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
        IBackend backend = options.Backend ?? new CheckedBackend(new Backends.Reference.ReferenceBackend());
        try
        {
            using Checkpoint checkpoint = Checkpoint.Open(folderOrHubId, options.Variant, options.Revision);
            ModelConfig config = ModelConfigReader.ReadFile(checkpoint.ConfigPath);
            var weights = new CheckpointWeights(config, checkpoint.Tensors, checkpoint.Folder);
            MatrixFormat format = options.Format ?? FormatOf(weights.StoredType);
            Transformer transformer = TransformerLoader.Load(config, backend, format, weights.View, options.Progress, cancellation);
            return new LanguageModel(checkpoint.Folder, transformer, weights.Unexpected);
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    /// <summary>Gives the weights back and disposes the backend.</summary>
    public void Dispose()
    {
        Transformer.Dispose();
        Backend.Dispose();
    }

    private static MatrixFormat FormatOf(ElementType type) => type switch
    {
        ElementType.F16 => MatrixFormat.F16,
        ElementType.BF16 => MatrixFormat.BF16,
        _ => MatrixFormat.F32,
    };
}
