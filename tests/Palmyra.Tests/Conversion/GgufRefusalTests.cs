using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Conversion;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Tests.Checkpoints;
using Palmyra.Tests.Generation;
using Xunit;

namespace Palmyra.Tests.Conversion;

/// <summary>Models that a gpt2 graph would compute otherwise, numbers that a format cannot hold, files that are no such model.</summary>
public sealed class GgufRefusalTests
{
    public static TheoryData<string, ModelConfig> OtherModels => new()
    {
        { "only models of the gpt2 family", TinyModel.GptJ },
        { "only models of the gpt2 family", TinyModel.GptNeo },
        { "activation_function is gelu;", Gpt2Folder.Config with { Activation = Activation.GeluErf } },
        { "activation_function is relu;", Gpt2Folder.Config with { Activation = Activation.Relu } },
        { "scale_attn_by_inverse_layer_idx is true", Gpt2Folder.Config with { ScaleByInverseLayer = true } },
        { "scale_attn_weights is false", Gpt2Folder.Config with { ScaleAttention = false } },
    };

    [Theory]
    [MemberData(nameof(OtherModels))]
    public void A_model_the_graph_would_compute_otherwise_is_refused(string fault, ModelConfig config)
    {
        using var folder = new TemporaryFolder();
        ModelConfigException error = Assert.Throws<ModelConfigException>(() => GgufExport.WriteRandom("shape", config, 1, folder["a.gguf"]));
        Assert.StartsWith("shape: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
        Assert.Empty(folder.Names);
    }

    [Theory]
    [InlineData(GgmlType.Q8_0, 48, 96, "'transformer.wte.weight' has 48 inputs, and Q8_0 stores them by 32")]
    [InlineData(GgmlType.Q4_0, 32, 100, "'transformer.h.0.mlp.c_proj.weight' has 100 inputs, and Q4_0 stores them by 32")]
    public void A_matrix_whose_rows_are_no_whole_blocks_is_named(GgmlType type, int width, int hidden, string fault)
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = Gpt2Folder.Config with { Width = width, HiddenWidth = hidden };
        Assert.Contains(
            fault, Assert.Throws<ModelConfigException>(() => GgufExport.WriteRandom("shape", config, 1, folder["a.gguf"], type)).Message, StringComparison.Ordinal);
        GgufExport.WriteRandom("shape", config, 1, folder["a.gguf"], GgmlType.F16);
    }

    [Theory]
    [InlineData(GgmlType.F32, "transformer.h.1.mlp.c_fc.weight", float.NaN, "holds NaN")]
    [InlineData(GgmlType.F32, "transformer.h.0.ln_1.bias", float.NegativeInfinity, "holds -Infinity")]
    [InlineData(GgmlType.F16, "transformer.wte.weight", 65520f, "holds 65520")]
    [InlineData(GgmlType.F16, "transformer.wte.weight", float.NaN, "holds NaN")]
    [InlineData(GgmlType.Q8_0, "transformer.h.1.mlp.c_fc.weight", float.PositiveInfinity, "holds Infinity")]
    [InlineData(GgmlType.Q4_0, "transformer.h.1.mlp.c_fc.weight", 6e5f, "beyond what Q4 can scale")]
    public void A_number_that_cannot_be_stored_is_named_and_the_old_file_stays(GgmlType type, string name, float number, string fault)
    {
        using var folder = new Gpt2Folder(values: (entry, values) =>
        {
            values[17] = entry.Name == name ? number : values[17];
            return values;
        });
        File.WriteAllText(folder["a.gguf"], "old");
        using Checkpoint checkpoint = Checkpoint.Open(folder.Root);
        PalmyraException error = Assert.ThrowsAny<PalmyraException>(() => GgufExport.Write(checkpoint, folder["a.gguf"], type));
        if (error is CheckpointException)
        {
            Assert.StartsWith($"{Path.Combine(folder.Root, "model.safetensors")}: weight '{name}' holds", error.Message, StringComparison.Ordinal);
        }

        Assert.Contains($"eight '{name}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(folder["a.gguf"]));
        Assert.Equal(["a.gguf"], folder.Names);
    }

    [Fact]
    public void The_largest_number_that_rounds_to_a_half_is_written()
    {
        float largest = MathF.BitDecrement(65520f);
        using var folder = new Gpt2Folder(values: (entry, values) => entry.Name == "transformer.wte.weight" ? [.. values.Select(_ => largest)] : values);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Root);
        GgufExport.Write(checkpoint, folder["a.gguf"], GgmlType.F16);
        using GgufFile file = GgufFile.Open(folder["a.gguf"]);
        Assert.All(file.Tensors["token_embd.weight"].View().ToFloats(), value => Assert.Equal(65504f, value));
    }

    [Fact]
    public void A_cancelled_conversion_leaves_nothing()
    {
        using var folder = new Gpt2Folder();
        using var source = new CancellationTokenSource();
        var first = new Cancelling(source);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Root);
        Assert.Throws<OperationCanceledException>(() => GgufExport.Write(checkpoint, folder["a.gguf"], progress: first, cancellation: source.Token));
        Assert.Empty(folder.Names);
        GgufExport.Write(checkpoint, folder["a.gguf"]);
        using var second = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => GgufImport.Write(folder["a.gguf"], folder["back"], new Cancelling(second), second.Token));
        Assert.False(Directory.Exists(folder["back"]));
    }

    [Theory]
    [InlineData("'general.architecture' is missing", null, true, true)]
    [InlineData("architecture is 'llama'", "llama", true, true)]
    [InlineData("no tensor 'token_embd.weight'", "gpt2", false, true)]
    [InlineData("'gpt2.attention.layer_norm_epsilon' is missing", "gpt2", true, false)]
    [InlineData("lacks tensor 'position_embd.weight'", "gpt2", true, true)]
    public void A_file_that_is_no_such_model_is_refused(string fault, string? architecture, bool hasTokens, bool hasEpsilon)
    {
        using var folder = new TemporaryFolder();
        var header = new GgufHeader();
        if (architecture is not null)
        {
            header.Add("general.architecture", architecture);
        }

        foreach ((string key, uint value) in new[]
        {
            ("context_length", 4u), ("embedding_length", 2u), ("feed_forward_length", 8u), ("block_count", 1u), ("attention.head_count", 1u),
        })
        {
            header.Add($"gpt2.{key}", value);
        }

        if (hasEpsilon)
        {
            header.Add("gpt2.attention.layer_norm_epsilon", 1e-5f);
        }

        GgufTensorSource tokens = new("token_embd.weight", GgmlType.F32, [3, 2], stream => stream.Write(new byte[24]));
        GgufWriter.Write(folder["a.gguf"], header, hasTokens ? [tokens] : []);
        CheckpointException error = Assert.Throws<CheckpointException>(() => GgufModel.Open(folder["a.gguf"]));
        Assert.StartsWith(folder["a.gguf"], error.Message, StringComparison.Ordinal);
        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    private sealed class Cancelling(CancellationTokenSource source) : IProgress<double>
    {
        public void Report(double value) => source.Cancel();
    }
}
