using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Testing;

namespace Palmyra.Tests.Models;

public sealed class CheckpointWeightsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-").FullName;

    public static TheoryData<string> Models => [.. Fixtures.Models];

    [Fact]
    public void Missing_tensors_are_named()
    {
        (ModelConfig config, Dictionary<string, TensorView> tensors) = TinyGpt2();
        tensors.Remove("transformer.h.0.mlp.c_fc.bias");
        tensors.Remove("transformer.ln_f.weight");
        var failure = Assert.Throws<CheckpointException>(() => new CheckpointWeights(config, tensors, "folder"));
        Assert.Equal(
            "folder: the checkpoint lacks tensors that config.json calls for: transformer.h.0.mlp.c_fc.bias, transformer.ln_f.weight.",
            failure.Message);
    }

    [Fact]
    public void Misshapen_tensors_are_named_with_both_shapes()
    {
        (ModelConfig config, Dictionary<string, TensorView> tensors) = TinyGpt2();
        var failure = Assert.Throws<CheckpointException>(() => new CheckpointWeights(config with { ContextLength = 9 }, tensors, "folder"));
        Assert.Contains("'transformer.wpe.weight' is F32 [8, 8] and should be floating-point [9, 8]", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unexpected_tensors_are_reported_and_known_buffers_are_not()
    {
        (ModelConfig config, Dictionary<string, TensorView> tensors) = TinyGpt2();
        foreach (string name in new[] { "transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias", "lm_head.weight" })
        {
            tensors[name] = View(name, [2, 8]);
        }

        var weights = new CheckpointWeights(config, tensors, "folder");
        Assert.Empty(weights.Unexpected);
        tensors["score.weight"] = View("score.weight", [2, 8]);
        Assert.Equal(["score.weight"], new CheckpointWeights(config, tensors, "folder").Unexpected);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_saved_model_loads_again_bit_for_bit(string name)
    {
        using LanguageModel model = LanguageModel.Open(Fixtures.Path($"models/{name}"), new LanguageModelOptions { Backend = new ReferenceBackend() });
        string path = Path.Combine(_folder, "model.safetensors");
        SafetensorsWriter.Write(path, TransformerWriter.Tensors(model.Transformer));

        using TensorFile file = TensorFile.Open(path);
        using Checkpoint original = Checkpoint.Open(Fixtures.Path($"models/{name}"));
        var saved = new CheckpointWeights(model.Config, file.Tensors, path);
        var first = new CheckpointWeights(model.Config, original.Tensors, name);
        Assert.Empty(saved.Unexpected);
        Assert.Equal(new WeightMap(model.Config).All.Count(), file.Tensors.Count);
        foreach (WeightEntry entry in new WeightMap(model.Config).All)
        {
            Assert.Equal(Values(first.View(entry)), Values(saved.View(entry)));
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static float[] Values(WeightView view)
    {
        var values = new float[view.Rows * view.Cols];
        view.CopyRows(0, view.Rows, values);
        return values;
    }

    private static (ModelConfig Config, Dictionary<string, TensorView> Tensors) TinyGpt2()
    {
        var config = new ModelConfig
        {
            Family = ModelFamily.Gpt2, VocabularySize = 16, ContextLength = 8, Width = 8, Layers = 1, Heads = 2, HiddenWidth = 32,
        };
        return (config, new WeightMap(config).All.ToDictionary(entry => entry.Name, entry => View(entry.Name, [.. entry.FileShape])));
    }

    private static TensorView View(string name, long[] shape) =>
        new(name, ElementType.F32, shape, TensorView.RowMajor(shape), ByteSource.Of(new byte[4 * shape.Aggregate(1L, (a, b) => a * b)]), 0, "memory");
}
