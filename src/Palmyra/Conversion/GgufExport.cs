using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Tokenization;

namespace Palmyra.Conversion;

/// <summary>Writes GPT-2-shaped models as GGUF files that ggml's gpt2 graph runs.</summary>
/// <remarks>
/// Matrices are stored in the type asked for; gains, biases and the positions stay F32, as ggml's own converter has it. A tied head is left
/// out: readers take the embedding. Sixteen rows are in memory at a time. What that graph would compute otherwise is refused.
/// </remarks>
public static class GgufExport
{
    /// <summary>Converts a folder.</summary>
    /// <param name="checkpoint">The model's folder, open.</param>
    /// <param name="path">The file to write; replaced if it exists.</param>
    /// <param name="type">F32, F16, Q8_0 or Q4_0; as the checkpoint stores its layers if null, bfloat16 as F32.</param>
    /// <param name="progress">Told the share of parameters written, 0 to 1; or null.</param>
    /// <param name="cancellation">Stops the writing; the old file stays.</param>
    /// <exception cref="ModelConfigException">The model is not of GPT-2's family, or ggml's graph would compute something else.</exception>
    /// <exception cref="TokenizationException">A GGUF vocabulary cannot state the folder's tokenizer, or as many tokens that end a text.</exception>
    /// <exception cref="CheckpointException">The weights are damaged, hold a number that cannot be stored, or the file cannot be written.</exception>
    /// <exception cref="BackendException">A number is too large for a 16-bit scale, or not finite.</exception>
    public static ConversionSummary Write(
        Checkpoint checkpoint, string path, GgmlType? type = null, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ModelConfig config = ModelConfigReader.ReadFile(checkpoint.ConfigPath);
        string folder = checkpoint.Folder;
        CheckRunnable(config, folder);
        var weights = new CheckpointWeights(config, checkpoint.Tensors, folder);
        GgufVocabulary vocabulary = TokenizerFolder.HasVocabulary(folder)
            ? GgufVocabulary.Of(GptTokenizer.Open(folder), config, folder)
            : GgufVocabulary.MadeUp(config, folder);
        GgmlType stored = type ?? weights.StoredFormat(new WeightMap(config).Matrices.First(matrix => matrix.Role == MatrixRole.Layer)) switch
        {
            MatrixFormat.F16 => GgmlType.F16,
            MatrixFormat.Q8 => GgmlType.Q8_0,
            MatrixFormat.Q4 => GgmlType.Q4_0,
            _ => GgmlType.F32,
        };
        string description = vocabulary.IsMadeUp ? "The model came without a vocabulary; the one here is made up, only ids mean something." : string.Empty;
        return Write(path, new Content(checkpoint.Name, description, config, weights.View, vocabulary), stored, progress, cancellation) with { Unused = weights.Unexpected };
    }

    /// <summary>Writes a model of random weights: to measure a shape nobody has weights of.</summary>
    /// <param name="name">What the file calls it.</param>
    /// <param name="config">The shape.</param>
    /// <param name="seed">Chooses the numbers, as <see cref="RandomWeights"/> does.</param>
    /// <param name="path">The file to write; replaced if it exists.</param>
    /// <param name="type">F32, F16, Q8_0 or Q4_0.</param>
    /// <param name="progress">Told the share of parameters written, 0 to 1; or null.</param>
    /// <param name="cancellation">Stops the writing; the old file stays.</param>
    /// <exception cref="ModelConfigException">The shape is not of GPT-2's family, or ggml's graph would compute something else.</exception>
    /// <exception cref="TokenizationException">More tokens end a text than a GGUF vocabulary can state.</exception>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public static ConversionSummary WriteRandom(
        string name,
        ModelConfig config,
        ulong seed,
        string path,
        GgmlType type = GgmlType.F32,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(config);
        CheckRunnable(config, name);
        string description = $"Random weights of seed {seed}, and a made-up vocabulary: a shape to measure, not a model.";
        var content = new Content(name, description, config, new RandomWeights(config, seed).View, GgufVocabulary.MadeUp(config, name));
        return Write(path, content, type, progress, cancellation);
    }

    // ggml's gpt2 graph has no switches: one activation, one scale, every layer global.
    private static void CheckRunnable(ModelConfig config, string where)
    {
        if (config.Family != ModelFamily.Gpt2)
        {
            throw new ModelConfigException($"{where}: only models of the gpt2 family can be written as GGUF; this one is {config.Family}.");
        }

        if (config.Activation != Activation.GeluTanh)
        {
            throw new ModelConfigException(
                $"{where}: activation_function is {ModelConfigWriter.Name(config.Activation)}; GGUF readers compute every gpt2 model with gelu_new, "
                + "GELU's tanh form, so this one would give other numbers there.");
        }

        if (!config.ScaleAttention || (config.ScaleByInverseLayer && config.Layers > 1))
        {
            throw new ModelConfigException(
                $"{where}: {(config.ScaleAttention ? "scale_attn_by_inverse_layer_idx is true" : "scale_attn_weights is false")}; GGUF readers divide "
                + "every gpt2 model's scores by the root of the head's width alone, so this one would give other numbers there.");
        }
    }

    private static ConversionSummary Write(string path, Content content, GgmlType type, IProgress<double>? progress, CancellationToken cancellation)
    {
        if (type is not (GgmlType.F32 or GgmlType.F16 or GgmlType.Q8_0 or GgmlType.Q4_0))
        {
            throw new ArgumentOutOfRangeException(nameof(type), type, "Models are written as F32, F16, Q8_0 or Q4_0.");
        }

        ModelConfig config = content.Config;
        var map = new WeightMap(config);
        var rows = new GgufRows(content.Weights, map.ParameterCount, progress, cancellation);
        var tensors = new List<GgufTensorSource>();
        foreach ((WeightEntry entry, string name) in GgufKeys.Tensors(map))
        {
            GgmlType stored = entry.IsVector || ReferenceEquals(entry, map.Positions) ? GgmlType.F32 : type;
            if (entry.Cols % stored.BlockSize() != 0)
            {
                throw new ModelConfigException(
                    $"{content.Name}: '{entry.Name}' has {entry.Cols} inputs, and {stored} stores them by {stored.BlockSize()}; use f16 or f32.");
            }

            long[] shape = entry.IsVector ? [entry.Cols] : [entry.Rows, entry.Cols];
            tensors.Add(new GgufTensorSource(name, stored, shape, stream => rows.Write(entry, stored, stream)));
        }

        GgufWriter.Write(path, HeaderOf(content, type), tensors);
        return new ConversionSummary(
            type.ToString(), tensors.Count, map.ParameterCount, config.VocabularySize, !content.Vocabulary.IsMadeUp, []);
    }

    private static GgufHeader HeaderOf(Content content, GgmlType type)
    {
        ModelConfig config = content.Config;
        var header = new GgufHeader();
        header.Add(GgufKeys.Architecture, GgufKeys.Gpt2);
        header.Add(GgufKeys.Type, "model");
        header.Add(GgufKeys.Name, content.Name);
        if (content.Description.Length > 0)
        {
            header.Add(GgufKeys.Description, content.Description);
        }

        header.Add(GgufKeys.ContextLength, (uint)config.ContextLength);
        header.Add(GgufKeys.Width, (uint)config.Width);
        header.Add(GgufKeys.HiddenWidth, (uint)config.HiddenWidth);
        header.Add(GgufKeys.Layers, (uint)config.Layers);
        header.Add(GgufKeys.Heads, (uint)config.Heads);
        header.Add(GgufKeys.Epsilon, config.LayerNormEpsilon);

        // llama.cpp's numbers for "all F32", "mostly F16", "mostly Q4_0", "mostly Q8_0".
        header.Add(GgufKeys.FileType, type switch { GgmlType.F32 => 0u, GgmlType.F16 => 1u, GgmlType.Q4_0 => 2u, _ => 7u });
        if (type.GroupedFormat() is not null)
        {
            header.Add(GgufKeys.QuantizationVersion, 2u);
        }

        content.Vocabulary.AddTo(header);
        return header;
    }

    private sealed record Content(
        string Name, string Description, ModelConfig Config, Func<WeightEntry, WeightView> Weights, GgufVocabulary Vocabulary);
}
