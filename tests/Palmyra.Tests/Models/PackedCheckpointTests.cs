using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Models;
using Palmyra.Quantization;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;
using Palmyra.Tests.Generation;

namespace Palmyra.Tests.Models;

/// <summary>Checkpoint folders whose matrices are packed: written, opened as they are, converted, and refused.</summary>
public sealed class PackedCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, MatrixFormat> Cases
    {
        get
        {
            var data = new TheoryData<string, MatrixFormat>();
            foreach (string name in new[] { "gpt2", "gpt2-no-prefix", "gpt-neo-bin", "gptj", "gptj-full-rotary-f16" })
            {
                data.Add(name, MatrixFormat.Q8);
                data.Add(name, MatrixFormat.Q4);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_packed_folder_opens_as_the_model_that_was_quantised_while_loading(string name, MatrixFormat format)
    {
        using LanguageModel original = Open(Fixtures.Path($"models/{name}"), format);
        using LanguageModel floats = Open(Fixtures.Path($"models/{name}"));
        floats.Save(_folder.Root, format);
        using LanguageModel packed = Open(_folder.Root);
        Assert.Empty(packed.UnexpectedTensors);
        Assert.Equal(original.Transformer.Weights.Matrices.Select(matrix => matrix.Format), packed.Transformer.Weights.Matrices.Select(matrix => matrix.Format));
        Assert.Equal(format, packed.Transformer.Weights.Blocks[0].Qkv.Format);
        Assert.Equal(floats.Transformer.Weights.Positions?.Format, packed.Transformer.Weights.Positions?.Format);
        Assert.Equal(Scores(original), Scores(packed));

        // And as floats, should somebody want that: the same numbers.
        using LanguageModel wide = Open(_folder.Root, MatrixFormat.F32);
        Assert.All(wide.Transformer.Weights.Matrices, matrix => Assert.Equal(MatrixFormat.F32, matrix.Format));
        Assert.Equal(Scores(original), Scores(wide));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void On_the_cpu_too_it_is_the_model_that_was_quantised_while_loading(string name, MatrixFormat format)
    {
        using LanguageModel original = LanguageModel.Open(Fixtures.Path($"models/{name}"), new LanguageModelOptions { Format = format });
        original.Save(_folder.Root);
        using LanguageModel packed = LanguageModel.Open(_folder.Root);
        Assert.Equal(format, packed.Transformer.Weights.Blocks[0].Qkv.Format);
        Assert.Equal(Scores(original), Scores(packed));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_file_says_what_it_is_and_its_panels_are_aligned(string name, MatrixFormat format)
    {
        using (LanguageModel model = Open(Fixtures.Path($"models/{name}")))
        {
            model.Save(_folder.Root, format);
        }

        JsonElement quantization = JsonDocument.Parse(File.ReadAllBytes(_folder["config.json"])).RootElement.GetProperty("quantization_config");
        Assert.Equal("palmyra", quantization.GetProperty("quant_method").GetString());
        Assert.Equal(format.ToString().ToLowerInvariant(), quantization.GetProperty("format").GetString());
        using TensorFile file = TensorFile.Open(_folder["model.safetensors"]);
        Assert.Equal("panels-16x32", file.Metadata["palmyra.layout"]);
        Assert.Equal("pt", file.Metadata["format"]);
        var map = new WeightMap(ModelConfigReader.ReadFile(_folder["config.json"]));
        var packed = file.Tensors.Values.Where(tensor => tensor.Type == ElementType.U8).ToList();
        Assert.Equal(map.Matrices.Count(matrix => matrix.Role != MatrixRole.Positions), packed.Count);
        Assert.All(packed, tensor => Assert.Equal(0, tensor.Offset % 64));
        Assert.All(packed, tensor => Assert.EndsWith("." + format.ToString().ToLowerInvariant(), tensor.Name));
        Assert.All(map.Vectors, vector => Assert.Equal(ElementType.F32, file.Tensors[vector.Name].Type));
        if (map.Blocks[0].Qkv.Count == 3)
        {
            Assert.Contains(string.Join(" + ", map.Blocks[0].Qkv.Select(part => part.Name)) + "." + format.ToString().ToLowerInvariant(), file.Tensors.Keys);
        }
    }

    [Theory]
    [InlineData(MatrixFormat.Q8)]
    [InlineData(MatrixFormat.Q4)]
    public void A_packed_model_saved_again_is_the_same_file_whatever_its_integers(MatrixFormat format)
    {
        using (LanguageModel model = Open(Fixtures.Path("models/gptj")))
        {
            model.Save(_folder.Root, format);
        }

        // Integers that no quantiser gives: one panel's first bytes are all −128, or eight times −8.
        string path = _folder["model.safetensors"];
        byte[] bytes = File.ReadAllBytes(path);
        int data = 8 + (int)BitConverter.ToInt64(bytes);
        bytes.AsSpan(data, 128).Fill(format == MatrixFormat.Q8 ? (byte)0x80 : (byte)0);
        File.WriteAllBytes(path, bytes);
        using LanguageModel packed = Open(_folder.Root);
        string again = _folder["again"];
        packed.Save(again);
        Assert.Equal(bytes, File.ReadAllBytes(Path.Combine(again, "model.safetensors")));
    }

    [Theory]
    [InlineData(MatrixFormat.F32)]
    [InlineData(MatrixFormat.BF16)]
    [InlineData(MatrixFormat.F16)]
    public void A_packed_model_saved_as_floats_is_an_ordinary_checkpoint(MatrixFormat format)
    {
        using LanguageModel packed = Open(Fixtures.Path("models/gpt-neo"), MatrixFormat.Q4);
        packed.Save(_folder.Root, format);
        Assert.False(JsonDocument.Parse(File.ReadAllBytes(_folder["config.json"])).RootElement.TryGetProperty("quantization_config", out _));
        using LanguageModel floats = Open(_folder.Root);
        Assert.All(floats.Transformer.Weights.Matrices, matrix => Assert.Equal(format, matrix.Format));
        if (format == MatrixFormat.F32)
        {
            Assert.Equal(Scores(packed), Scores(floats));
        }
    }

    [Fact]
    public void Packed_tensors_can_be_split_into_shards()
    {
        using LanguageModel model = Open(Fixtures.Path("models/gptj"), MatrixFormat.Q8);
        model.Save(_folder.Root);
        SafetensorsWriter.WriteFolder(_folder.Root, TransformerWriter.Tensors(model.Transformer), maxShardSize: 20_000, metadata: PackedMatrix.FileMetadata);
        Assert.True(_folder.Names.Count(name => name.EndsWith(".safetensors", StringComparison.Ordinal)) > 2);
        using LanguageModel again = Open(_folder.Root);
        Assert.Equal(Scores(model), Scores(again));
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Root);
        Assert.All(checkpoint.Tensors.Values.Where(tensor => tensor.Type == ElementType.U8), tensor => Assert.Equal(0, tensor.Offset % 64));
    }

    [Fact]
    public void Names_without_the_prefix_and_bytes_at_any_place_are_read()
    {
        (ModelConfig config, List<TensorSource> tensors) = Tiny();
        List<TensorSource> renamed = [.. tensors.Select(tensor => new TensorSource(
            tensor.Name.Replace("transformer.", string.Empty, StringComparison.Ordinal), tensor.Type, tensor.Shape, tensor.CopyBytes))];

        // One odd byte before them all.
        renamed.Add(new TensorSource(" ", ElementType.U8, [1], (_, bytes) => bytes.Clear()));
        using TensorFile file = Write(renamed);
        Assert.Contains(file.Tensors.Values, tensor => tensor.Name.EndsWith(".q8", StringComparison.Ordinal) && tensor.Offset % 2 == 1);
        var weights = new CheckpointWeights(config, file.Tensors, "folder");
        using TensorFile whole = Write(tensors);
        var expected = new CheckpointWeights(config, whole.Tensors, "folder");
        foreach (WeightEntry entry in new WeightMap(config).All)
        {
            Assert.Equal(Values(expected.View(entry)), Values(weights.View(entry)));
        }

        Assert.All(new WeightMap(config).Matrices.Where(matrix => matrix.Role == MatrixRole.Layer), matrix =>
            Assert.NotNull(weights.View(matrix).Packed));
    }

    [Theory]
    [InlineData("panels-8x32", "is packed in layout 'panels-8x32'; 'panels-16x32' was expected. Quantise the model again.")]
    [InlineData(null, "is packed in no layout that its file names; 'panels-16x32' was expected.")]
    public void Another_layout_is_refused(string? layout, string message)
    {
        (ModelConfig config, List<TensorSource> tensors) = Tiny();
        var metadata = new Dictionary<string, string>();
        if (layout is not null)
        {
            metadata["palmyra.layout"] = layout;
        }

        using TensorFile file = Write(tensors, metadata);
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => new CheckpointWeights(config, file.Tensors, "folder")).Message);
    }

    [Fact]
    public void The_same_weights_twice_are_refused()
    {
        (ModelConfig config, List<TensorSource> tensors) = Tiny();
        string k = "transformer.h.0.attn.k_proj.weight";
        Refused(config, [.. tensors, TensorSource.Of(k, [16, 16], new float[256])],
            $"has both 'transformer.h.0.attn.q_proj.weight + {k} + transformer.h.0.attn.v_proj.weight.q8' and '{k}'");
        TensorSource head = tensors.Single(tensor => tensor.Name == "lm_head.weight.q8");
        long[] shape = [head.Shape[0], PanelLayout.PanelBytes(MatrixFormat.Q4, 16)];
        Refused(config, [.. tensors, new TensorSource("lm_head.weight.q4", ElementType.U8, shape, (_, bytes) => bytes.Clear())],
            "has both 'lm_head.weight.q4' and 'lm_head.weight.q8'");
    }

    [Fact]
    public void Bytes_that_do_not_fit_the_shape_are_refused_with_both_counts()
    {
        (ModelConfig config, List<TensorSource> tensors) = Tiny();
        Refused(config with { VocabularySize = 49 }, tensors, "tensor 'transformer.wte.weight.q8' was expected to be U8 [4, 576], a Q8 matrix [49, 16] in panels; found U8 [3, 576].");
        Refused(config with { Width = 48, HiddenWidth = 32 }, tensors, "found U8 [3, 576]");
        tensors.RemoveAll(tensor => tensor.Name.Contains("fc_in", StringComparison.Ordinal));
        Refused(config, tensors, "lacks tensors that config.json calls for: transformer.h.0.mlp.fc_in.weight");
    }

    public void Dispose() => _folder.Dispose();

    private void Refused(ModelConfig config, List<TensorSource> tensors, string message)
    {
        using TensorFile file = Write(tensors);
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => new CheckpointWeights(config, file.Tensors, "folder")).Message);
    }

    private TensorFile Write(List<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        string path = _folder[Path.GetRandomFileName() + ".safetensors"];
        SafetensorsWriter.Write(path, tensors, metadata ?? PackedMatrix.FileMetadata);
        return TensorFile.Open(path);
    }

    /// <summary>A GPT-J of one layer, packed in Q8.</summary>
    private static (ModelConfig Config, List<TensorSource> Tensors) Tiny()
    {
        ModelConfig config = TinyModel.GptJ with { Layers = 1 };
        return (config, [.. TransformerWriter.Tensors(TinyModel.Create(config), MatrixFormat.Q8)]);
    }

    private static LanguageModel Open(string folder, MatrixFormat? format = null) =>
        LanguageModel.Open(folder, new LanguageModelOptions { Backend = new CheckedBackend(new ReferenceBackend()), Format = format });

    private static TokenScore[] Scores(LanguageModel model)
    {
        using var scorer = new Scorer(model.Transformer);
        return scorer.Score([Enumerable.Range(0, 20).Select(i => i * 7 % model.Config.VocabularySize).ToArray()])[0];
    }

    private static float[] Values(WeightView view)
    {
        var values = new float[view.Rows * view.Cols];
        view.CopyRows(0, view.Rows, values);
        return values;
    }
}
