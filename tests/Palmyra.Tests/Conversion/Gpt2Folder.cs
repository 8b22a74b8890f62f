using Palmyra.Checkpoints;
using Palmyra.Models;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Conversion;

/// <summary>A folder with a small GPT-2 of random weights, large enough for groups of 32 and odd in its rows.</summary>
internal sealed class Gpt2Folder : IDisposable
{
    public static readonly ModelConfig Config = new()
    {
        Family = ModelFamily.Gpt2, VocabularySize = 270, ContextLength = 24, Width = 32, Layers = 2, Heads = 4, HiddenWidth = 96,
        InitializerRange = 0.3f, LayerNormEpsilon = 3e-5f, BosTokenId = 5, EosTokenIds = [265],
    };

    private readonly TemporaryFolder _folder = new();

    /// <summary>Writes the folder.</summary>
    /// <param name="change">What differs from <see cref="Config"/>.</param>
    /// <param name="values">The numbers of a tensor, given those it would have; null for those.</param>
    public Gpt2Folder(Func<ModelConfig, ModelConfig>? change = null, Func<WeightEntry, float[], float[]>? values = null)
    {
        ModelConfig config = change?.Invoke(Config) ?? Config;
        Directory.CreateDirectory(Root);
        var random = new RandomWeights(config with { Family = ModelFamily.Gpt2 }, 11);
        TensorSource[] tensors = [.. new WeightMap(config).All.Select(entry =>
        {
            var numbers = new float[entry.Count];
            random.View(entry).CopyRows(0, entry.Rows, numbers);
            numbers = values?.Invoke(entry, numbers) ?? numbers;
            return TensorSource.Of(entry.Name, entry.FileShape, numbers);
        })];
        SafetensorsWriter.WriteFolder(Root, tensors, others: new Dictionary<string, Action<Stream>>
        {
            ["config.json"] = stream => ModelConfigWriter.Write(config, "float32", stream),
        });
    }

    public string Root => _folder["model"];

    public string this[string name] => _folder[name];

    public IEnumerable<string> Names => _folder.Names;

    public void AddFile(string name, string content) => File.WriteAllText(Path.Combine(Root, name), content);

    public void Dispose() => _folder.Dispose();
}
