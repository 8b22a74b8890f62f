using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Models;

namespace Palmyra.Cli;

/// <summary>What <c>inspect</c> looks at: a preset, or a checkpoint whose weights may or may not be there.</summary>
internal sealed class InspectedModel : IDisposable
{
    private readonly Checkpoint? _checkpoint;
    private readonly CheckpointWeights? _weights;

    public InspectedModel(ModelPreset preset)
    {
        Name = preset.Name;
        Preset = preset;
        Config = preset.Published;
        Parameters = preset.ParameterCount;
    }

    public InspectedModel(Checkpoint checkpoint)
    {
        _checkpoint = checkpoint;
        Name = checkpoint.Name;
        try
        {
            Config = ModelConfigReader.ReadFile(checkpoint.ConfigPath);
            HasWeights = checkpoint.HasWeights;
            _weights = HasWeights ? new CheckpointWeights(Config, checkpoint.Tensors, checkpoint.Folder) : null;
            Unexpected = _weights?.Unexpected ?? [];
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }

        Parameters = new ModelSize(Config).Parameters;
    }

    public string Name { get; }

    public ModelPreset? Preset { get; }

    public ModelConfig Config { get; }

    public long Parameters { get; }

    public bool HasWeights { get; }

    /// <summary>The files the weights lie in.</summary>
    public IReadOnlyList<string> WeightFiles => HasWeights ? _checkpoint!.WeightFiles : [];

    /// <summary>What opening it takes in a format; null where there are no weights.</summary>
    public LoadingMemory? Loading(MatrixFormat? format) => _weights is null ? null : LoadingMemory.Of(Config, _weights, format);

    /// <summary>How its files store a matrix; null where there are no weights.</summary>
    public Func<MatrixEntries, MatrixFormat>? Stored => _weights is null ? null : _weights.StoredFormat;

    /// <summary>Tensors the model has no use for.</summary>
    public IReadOnlyList<string> Unexpected { get; } = [];

    /// <summary>The number types of the stored tensors, each once; packed matrices by their format, Q8 or Q4.</summary>
    public IReadOnlyList<string> StoredTypes => HasWeights
        ? [.. _checkpoint!.Tensors.Values.Select(TypeOf).Distinct().Order(StringComparer.Ordinal)]
        : [];

    /// <summary>The tensors: as stored, or as the family would store them.</summary>
    public IEnumerable<(string Name, IReadOnlyList<long> Shape, string Type)> Tensors => HasWeights
        ? _checkpoint!.Tensors.Values.Select(tensor => (tensor.Name, tensor.Shape, TypeOf(tensor)))
        : new WeightMap(Config).All
            .Where(entry => Preset is not { ComputedPositions: true } || entry.Name != "transformer.wpe.weight")
            .Select(entry => (entry.Name, entry.FileShape, "-"));

    private string TypeOf(TensorView tensor) => _weights?.PackedFormat(tensor.Name)?.ToString() ?? tensor.Type.ToString();

    public void Dispose() => _checkpoint?.Dispose();
}
