using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Conversion;
using Palmyra.Evaluation.Scoring;
using Palmyra.Models;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;
using Xunit;

namespace Palmyra.Tests.Conversion;

/// <summary>A folder to GGUF and back: every number to the bit, the same configuration, the same scores.</summary>
public sealed class GgufRoundTripTests
{
    [Theory]
    [InlineData(GgmlType.F32)]
    [InlineData(GgmlType.F16)]
    [InlineData(GgmlType.Q8_0)]
    [InlineData(GgmlType.Q4_0)]
    public void Every_number_comes_back_as_the_format_rounds_it(GgmlType type)
    {
        using var folder = new TemporaryFolder();
        using var made = new Gpt2Folder();
        foreach (string source in new[] { Fixtures.Path("models/gpt2"), made.Root })
        {
            string back = folder[Path.GetFileName(source)];
            using Checkpoint original = Checkpoint.Open(source);
            ConversionSummary written = GgufExport.Write(original, folder["a.gguf"], type);
            ConversionSummary read = GgufImport.Write(folder["a.gguf"], back);
            using Checkpoint copy = Checkpoint.Open(back);
            ModelConfig config = ModelConfigReader.ReadFile(original.ConfigPath);
            var map = new WeightMap(config);
            Assert.Equal((type.ToString(), map.ParameterCount, map.All.Count()), (written.Type, written.Parameters, written.Tensors));
            Assert.Equal((type == GgmlType.F16 ? "F16" : "F32", map.ParameterCount), (read.Type, read.Parameters));
            Assert.Equal(map.All.Select(entry => entry.Name).Order(StringComparer.Ordinal), copy.Tensors.Keys.Order(StringComparer.Ordinal));
            var before = new CheckpointWeights(config, original.Tensors, source);
            var after = new CheckpointWeights(config, copy.Tensors, back);
            foreach (WeightEntry entry in map.All)
            {
                bool rounds = !entry.IsVector && entry.Name != "transformer.wpe.weight";
                Assert.Equal(rounds && type == GgmlType.F16 ? ElementType.F16 : ElementType.F32, copy.Tensors[entry.Name].Type);
                float[] expected = Rows(before, entry);
                if (rounds)
                {
                    expected = [.. expected.Chunk(32).SelectMany(group => Rounded(type, group))];
                }

                Assert.Equal(expected.Select(BitConverter.SingleToUInt32Bits), Rows(after, entry).Select(BitConverter.SingleToUInt32Bits));
            }
        }
    }

    [Fact]
    public void The_configuration_and_the_scores_are_the_same()
    {
        using var folder = new TemporaryFolder();
        using var made = new Gpt2Folder();
        using (Checkpoint original = Checkpoint.Open(made.Root))
        {
            GgufExport.Write(original, folder["a.gguf"]);
        }

        GgufImport.Write(folder["a.gguf"], folder["back"]);
        ModelConfig config = ModelConfigReader.ReadFile(Path.Combine(folder["back"], "config.json"));
        Assert.Equal(
            Gpt2Folder.Config with { InitializerRange = 0, EosTokenIds = [], Windows = [] },
            config with { InitializerRange = 0, EosTokenIds = [], Windows = [], StoredType = null });
        Assert.Equal([265], config.EosTokenIds);
        int[] ids = [.. Enumerable.Range(0, 20).Select(i => (i * 37) % 270)];
        Assert.Equal(Scores(made.Root, ids), Scores(folder["back"], ids));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_head_of_its_own_is_kept_and_a_copy_of_the_embedding_is_a_tied_one(bool copy)
    {
        using var folder = new TemporaryFolder();
        float[]? tokens = null;
        using var made = new Gpt2Folder(config => config with { TieWordEmbeddings = false }, (entry, values) =>
        {
            tokens ??= values;
            return copy && entry.Name == "lm_head.weight" ? tokens : values;
        });
        using (Checkpoint original = Checkpoint.Open(made.Root))
        {
            GgufExport.Write(original, folder["a.gguf"], GgmlType.Q8_0);
        }

        using (GgufFile file = GgufFile.Open(folder["a.gguf"]))
        {
            Assert.Equal([270, 32], file.Tensors["output.weight"].Shape);
        }

        GgufImport.Write(folder["a.gguf"], folder["back"]);
        using Checkpoint back = Checkpoint.Open(folder["back"]);
        Assert.Equal(copy, ModelConfigReader.ReadFile(back.ConfigPath).TieWordEmbeddings);
        Assert.Equal(!copy, back.Tensors.ContainsKey("lm_head.weight"));
    }

    [Fact]
    public void The_names_and_keys_are_those_of_ggmls_gpt2()
    {
        using var folder = new TemporaryFolder();
        GgufExport.WriteRandom("shape", Gpt2Folder.Config with { Layers = 1 }, 3, folder["a.gguf"], GgmlType.Q4_0);
        using GgufFile file = GgufFile.Open(folder["a.gguf"]);
        Assert.Equal(
            [
                "token_embd.weight", "position_embd.weight", "blk.0.attn_norm.weight", "blk.0.attn_norm.bias", "blk.0.attn_qkv.weight",
                "blk.0.attn_qkv.bias", "blk.0.attn_output.weight", "blk.0.attn_output.bias", "blk.0.ffn_norm.weight", "blk.0.ffn_norm.bias",
                "blk.0.ffn_up.weight", "blk.0.ffn_up.bias", "blk.0.ffn_down.weight", "blk.0.ffn_down.bias", "output_norm.weight", "output_norm.bias",
            ],
            file.Tensors.Keys);
        Assert.Equal([96, 32], file.Tensors["blk.0.attn_qkv.weight"].Shape);
        Assert.Equal([32, 96], file.Tensors["blk.0.ffn_down.weight"].Shape);
        Assert.Equal(
            ["blk.0.attn_output.weight", "blk.0.attn_qkv.weight", "blk.0.ffn_down.weight", "blk.0.ffn_up.weight", "token_embd.weight"],
            file.Tensors.Values.Where(tensor => tensor.Type == GgmlType.Q4_0).Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.Equal("gpt2", file.Metadata.Text("general.architecture"));
        Assert.Equal("shape", file.Metadata.Text("general.name"));
        Assert.Contains("made-up vocabulary", file.Metadata.Text("general.description"), StringComparison.Ordinal);
        Assert.Equal(2, file.Metadata.Integer("general.file_type"));
        Assert.Equal(2, file.Metadata.Integer("general.quantization_version"));
        Assert.Equal(24, file.Metadata.Integer("gpt2.context_length"));
        Assert.Equal(32, file.Metadata.Integer("gpt2.embedding_length"));
        Assert.Equal(96, file.Metadata.Integer("gpt2.feed_forward_length"));
        Assert.Equal(1, file.Metadata.Integer("gpt2.block_count"));
        Assert.Equal(4, file.Metadata.Integer("gpt2.attention.head_count"));
        Assert.Equal(3e-5f, (float?)file.Metadata.Number("gpt2.attention.layer_norm_epsilon"));
        Assert.Equal("gpt2", file.Metadata.Text("tokenizer.ggml.model"));
        Assert.Equal("gpt-2", file.Metadata.Text("tokenizer.ggml.pre"));
        Assert.Equal(270, file.Metadata.Texts("tokenizer.ggml.tokens")?.Length);
        Assert.Equal(270, file.Metadata.Integers("tokenizer.ggml.token_type")?.Length);
        Assert.Equal(270 - 2 - 256, file.Metadata.Texts("tokenizer.ggml.merges")?.Length);
        Assert.Equal(5, file.Metadata.Integer("tokenizer.ggml.bos_token_id"));
        Assert.Equal(265, file.Metadata.Integer("tokenizer.ggml.eos_token_id"));
        Assert.False(file.Metadata.Flag("tokenizer.ggml.add_bos_token"));
    }

    [Fact]
    public void The_type_is_that_of_the_layers_whatever_the_embedding_is()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = Gpt2Folder.Config with { Layers = 1 };
        GgufExport.WriteRandom("shape", config, 3, folder["a.gguf"], GgmlType.F16);
        using (GgufFile file = GgufFile.Open(folder["a.gguf"]))
        {
            var header = new GgufHeader();
            header.Add("general.architecture", "gpt2");
            foreach (string key in new[] { "context_length", "embedding_length", "feed_forward_length", "block_count", "attention.head_count" })
            {
                header.Add($"gpt2.{key}", (uint)file.Metadata.Integer($"gpt2.{key}")!.Value);
            }

            header.Add("gpt2.attention.layer_norm_epsilon", 1e-5f);
            GgufWriter.Write(folder["b.gguf"], header, [.. file.Tensors.Values.Select(tensor => tensor.Name != "token_embd.weight"
                ? new GgufTensorSource(tensor.Name, tensor.Type, tensor.Shape, stream => Copy(tensor.View(), stream))
                : new GgufTensorSource(tensor.Name, GgmlType.F32, tensor.Shape, stream => stream.Write(new byte[tensor.Count * sizeof(float)])))]);
        }

        Assert.Equal("F16", GgufImport.Write(folder["b.gguf"], folder["back"]).Type);
        Assert.Equal("float16", ModelConfigReader.ReadFile(Path.Combine(folder["back"], "config.json")).StoredType);

        static void Copy(TensorView view, Stream stream)
        {
            var bytes = new byte[view.Count * view.Type.Size()];
            view.CopyBytes(0, bytes);
            stream.Write(bytes);
        }
    }

    [Fact]
    public void A_model_runs_straight_from_its_file()
    {
        using var folder = new TemporaryFolder();
        GgufExport.WriteRandom("shape", Gpt2Folder.Config, 3, folder["a.gguf"]);
        using GgufModel file = GgufModel.Open(folder["a.gguf"]);
        using var backend = new CheckedBackend(new ReferenceBackend());
        using Transformer direct = TransformerLoader.Load(file.Config, backend, MatrixFormat.F32, file.View);
        using Transformer random = TransformerLoader.Load(
            Gpt2Folder.Config, backend, MatrixFormat.F32, new RandomWeights(Gpt2Folder.Config, 3).View);
        int[] ids = [1, 5, 200, 7, 3, 9];
        Assert.Equal(Scores(random, ids), Scores(direct, ids));
        Assert.False(file.HasVocabulary);
    }

    private static float[] Rows(CheckpointWeights weights, WeightEntry entry)
    {
        var values = new float[entry.Count];
        weights.View(entry).CopyRows(0, entry.Rows, values);
        return values;
    }

    private static float[] Scores(string folder, int[] ids)
    {
        using LanguageModel model = LanguageModel.Open(folder, new LanguageModelOptions { Backend = new CheckedBackend(new ReferenceBackend()) });
        return Scores(model.Transformer, ids);
    }

    private static float[] Scores(Transformer transformer, int[] ids)
    {
        using var scorer = new Scorer(transformer);
        return [.. scorer.Score([ids])[0].Select(score => score.LogProbability)];
    }

    // quantize_row_q8_0_ref and quantize_row_q4_0_ref followed by their dequantize_row, for numbers of ordinary size.
    private static float[] Rounded(GgmlType type, float[] x)
    {
        switch (type)
        {
            case GgmlType.F16:
                return [.. x.Select(v => (float)(Half)v)];
            case GgmlType.Q8_0:
                float d = x.Max(MathF.Abs) / 127;
                float id = d != 0 ? 1 / d : 0;
                return [.. x.Select(v => (int)MathF.Round(v * id, MidpointRounding.AwayFromZero) * (float)(Half)d)];
            case GgmlType.Q4_0:
                float largest = x.First(v => MathF.Abs(v) == x.Max(MathF.Abs));
                float scale = largest / -8;
                float inverse = scale != 0 ? 1 / scale : 0;
                return [.. x.Select(v => (Math.Min(15, (int)((v * inverse) + 8.5f)) - 8) * (float)(Half)scale)];
            default:
                return x;
        }
    }
}
