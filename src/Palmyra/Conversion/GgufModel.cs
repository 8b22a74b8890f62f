using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Diagnostics;
using Palmyra.Models;

namespace Palmyra.Conversion;

/// <summary>A GGUF file of the gpt2 architecture, opened as a model: its configuration, weights and vocabulary.</summary>
public sealed class GgufModel : IDisposable
{
    private readonly GgufFile _file;
    private readonly Dictionary<WeightEntry, GgufTensor> _tensors = [];

    private GgufModel(GgufFile file)
    {
        _file = file;
        string architecture = file.Metadata.Text(GgufKeys.Architecture)
            ?? throw new CheckpointException($"{file.Path}: '{GgufKeys.Architecture}' is missing; expected '{GgufKeys.Gpt2}'.");
        if (architecture != GgufKeys.Gpt2)
        {
            throw new CheckpointException($"{file.Path}: the model's architecture is '{architecture}'; Palmyra reads GGUF files of '{GgufKeys.Gpt2}'.");
        }

        Config = ReadConfig(file, out GgufVocabulary? vocabulary);
        Vocabulary = vocabulary;
        Match();
    }

    /// <summary>The hyper-parameters. GGUF states neither activation nor scales of this architecture: its readers have one of each.</summary>
    public ModelConfig Config { get; }

    /// <summary>Whether the file holds the model's own vocabulary, and not none or a made-up one.</summary>
    public bool HasVocabulary => Vocabulary is not null;

    /// <summary>Tensors of the file that the model has no use for, in ordinal order.</summary>
    public IReadOnlyList<string> Unused { get; private set; } = [];

    /// <summary>How the first layer's matrices are stored, taken as that of the model.</summary>
    public GgmlType StoredType { get; private set; }

    internal GgufVocabulary? Vocabulary { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="CheckpointException">It cannot be opened, is damaged, is of another architecture, or tensors are missing or misshapen.</exception>
    /// <exception cref="ModelConfigException">Its sizes describe a model that cannot be run.</exception>
    /// <exception cref="TokenizationException">Its vocabulary is of another kind than GPT-2's, or damaged.</exception>
    public static GgufModel Open(string path)
    {
        GgufFile file = GgufFile.Open(path);
        try
        {
            return new GgufModel(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The view of a tensor, [outputs, inputs], to be passed to <see cref="TransformerLoader.Load"/>; blocks are unpacked into memory.</summary>
    public WeightView View(WeightEntry entry) => WeightView.Of(_tensors[entry].View());

    /// <summary>The tensor as a Hugging Face file of the family orients it; blocks are unpacked into memory.</summary>
    internal TensorView FileView(WeightEntry entry)
    {
        TensorView view = _tensors[entry].View();
        return entry.Transposed
            ? new TensorView(entry.Name, view.Type, [entry.Cols, entry.Rows], [1, entry.Cols], view.Source, view.Offset, view.File)
            : view;
    }

    /// <summary>The type <see cref="FileView"/> has, without unpacking.</summary>
    internal ElementType FileType(WeightEntry entry) => _tensors[entry].Type.ElementType();

    /// <summary>Releases the file.</summary>
    public void Dispose() => _file.Dispose();

    private static ModelConfig ReadConfig(GgufFile file, out GgufVocabulary? vocabulary)
    {
        GgufTensor tokens = file.Tensors.GetValueOrDefault(GgufKeys.TokenEmbedding)
            ?? throw new CheckpointException($"{file.Path}: the file has no tensor '{GgufKeys.TokenEmbedding}', so it is no model.");
        double epsilon = file.Metadata.Number(GgufKeys.Epsilon) ?? throw Missing(file, GgufKeys.Epsilon);
        var config = new ModelConfig
        {
            Family = ModelFamily.Gpt2,
            VocabularySize = (int)Math.Min(tokens.Shape[0], int.MaxValue),
            ContextLength = Size(file, GgufKeys.ContextLength),
            Width = Size(file, GgufKeys.Width),
            Layers = Size(file, GgufKeys.Layers),
            Heads = Size(file, GgufKeys.Heads),
            HiddenWidth = Size(file, GgufKeys.HiddenWidth),
            Activation = Activation.GeluTanh,
            LayerNormEpsilon = (float)epsilon,

            // Older converters write a tied head a second time.
            TieWordEmbeddings = !file.Tensors.TryGetValue(GgufKeys.Head, out GgufTensor? head) || head.IsCopyOf(tokens),
        };
        try
        {
            config.Validate();
        }
        catch (ModelConfigException failure)
        {
            throw new ModelConfigException($"{file.Path}: {failure.Message}", failure);
        }

        vocabulary = GgufVocabulary.Read(file.Metadata, file.Path, config.VocabularySize);
        if (vocabulary is not null)
        {
            return config with { BosTokenId = vocabulary.Bos, EosTokenIds = vocabulary.Eos, PadTokenId = vocabulary.Padding };
        }

        int?[] ends = [Id(file, GgufKeys.Eos, config), Id(file, GgufKeys.Eot, config)];
        return config with
        {
            BosTokenId = Id(file, GgufKeys.Bos, config),
            EosTokenIds = [.. ends.OfType<int>().Distinct()],
            PadTokenId = Id(file, GgufKeys.Padding, config),
        };
    }

    private void Match()
    {
        var used = new HashSet<string>(StringComparer.Ordinal) { GgufKeys.Head };
        var map = new WeightMap(Config);
        foreach ((WeightEntry entry, string name) in GgufKeys.Tensors(map))
        {
            GgufTensor tensor = _file.Tensors.GetValueOrDefault(name)
                ?? throw new CheckpointException($"{_file.Path}: the file lacks tensor '{name}', which its metadata calls for.");
            long[] expected = entry.IsVector ? [entry.Cols] : [entry.Rows, entry.Cols];
            if (!tensor.Shape.SequenceEqual(expected))
            {
                throw new CheckpointException(
                    $"{_file.Path}: tensor '{name}' is {tensor.ShapeText}; its metadata calls for [{string.Join(", ", expected)}].");
            }

            used.Add(name);
            _tensors.Add(entry, tensor);
        }

        StoredType = _tensors[map.Blocks[0].Up].Type;
        Unused = [.. _file.Tensors.Keys.Where(name => !used.Contains(name)).Order(StringComparer.Ordinal)];
    }

    private static int Size(GgufFile file, string key)
    {
        long value = file.Metadata.Integer(key) ?? throw Missing(file, key);
        return value is > 0 and <= int.MaxValue
            ? (int)value
            : throw new CheckpointException($"{file.Path}: '{key}' was expected to be 1 to {int.MaxValue}; found {value}.");
    }

    private static int? Id(GgufFile file, string key, ModelConfig config) =>
        file.Metadata.Integer(key) is long id && id >= 0 && id < config.VocabularySize ? (int)id : null;

    private static CheckpointException Missing(GgufFile file, string key) =>
        new($"{file.Path}: '{key}' is missing; a model of the '{GgufKeys.Gpt2}' architecture has it.");
}
