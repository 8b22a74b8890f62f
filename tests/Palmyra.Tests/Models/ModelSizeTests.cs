using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Models;
using Palmyra.Quantization;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;
using Palmyra.Tests.Generation;
using Xunit;

namespace Palmyra.Tests.Models;

/// <summary>Sizes and operation counts against the figures that papers and model cards print.</summary>
public sealed class ModelSizeTests
{
    private static ModelConfig Of(string preset) => ModelPresets.Find(preset)!.Runnable!;

    [Fact]
    public void GptJ_over_eight_shards_has_the_number_on_its_card()
    {
        var size = new ModelSize(Of("gpt-j-6b"));
        Assert.Equal(6_053_381_344, size.ShardedParameters(8));
        Assert.Equal(6_050_882_784 + 4096, size.ShardedParameters(1));
        Assert.Equal(6_049_711_185, new ModelSize(Of("gpt-j-6b") with { VocabularySize = 50257 }).Parameters);
    }

    [Fact]
    public void Other_families_have_no_sharded_count() => Assert.Null(new ModelSize(Of("gpt2")).ShardedParameters(8));

    [Theory]
    [InlineData("palmyra-small", 36_864)]
    [InlineData("palmyra-base", 393_216)]
    [InlineData("gpt-j-6b", 458_752)]
    public void Half_precision_cache_bytes_a_token(string preset, long expected) =>
        Assert.Equal(expected, new ModelSize(Of(preset)).CacheBytesPerToken(CacheFormat.F16));

    [Fact]
    public void A_cached_token_takes_half_in_F16_and_a_number_and_a_share_of_a_scale_in_Q8()
    {
        var size = new ModelSize(Of("gpt-j-6b"));
        Assert.Equal(917_504, size.CacheBytesPerToken(CacheFormat.F32));
        Assert.Equal(2 * 28 * (4096 + (16 * 4)), size.CacheBytesPerToken(CacheFormat.Q8));
    }

    [Fact]
    public void Weight_bytes_halve_for_matrices_only()
    {
        var size = new ModelSize(Of("gpt2"));
        Assert.Equal(4 * 124_439_808L, size.WeightBytes(MatrixFormat.F32));

        // Vectors of a layer: 4C norms, 3C + C attention biases, 4C + C feed-forward biases; two more for the last norm.
        long vectors = (12L * 13 * 768) + (2 * 768);
        Assert.Equal((2 * (124_439_808L - vectors)) + (4 * vectors), size.WeightBytes(MatrixFormat.BF16));
        Assert.Equal(size.WeightBytes(MatrixFormat.F16), size.WeightBytes(MatrixFormat.BF16));
    }

    [Theory]
    [InlineData(MatrixFormat.Q8, 34)]
    [InlineData(MatrixFormat.Q4, 18)]
    public void Integers_take_a_byte_or_half_one_and_a_scale_for_thirty_two(MatrixFormat format, int groupBytes)
    {
        var size = new ModelSize(Of("gpt2"));
        long vectors = (12L * 13 * 768) + (2 * 768);
        long layers = 12L * 12 * 768 * 768;

        // 50,257 tokens are 3,142 panels of 16 rows; the position table stays as it is.
        long tokens = 3142L * 16 * 768;
        Assert.Equal((4 * vectors) + (4 * 1024 * 768) + ((layers + tokens) / 32 * groupBytes), size.WeightBytes(format));
        Assert.Equal((layers + tokens) / 32 * groupBytes, size.BytesReadPerToken(format));
        var half = new ModelSize(Of("gpt2") with { StoredType = "float16" });
        Assert.Equal(size.WeightBytes(format) - (2 * 1024 * 768), half.WeightBytes(format));
    }

    [Fact]
    public void Working_rows_are_those_of_a_workspace()
    {
        using var backend = new ReferenceBackend();
        using var workspace = new Workspace(backend, TinyModel.GptJ);
        workspace.Fit(7);
        workspace.FitSelected(3);
        Tensor[] rows =
        [
            workspace.Residual, workspace.Normed, workspace.Qkv, workspace.Attended, workspace.Hidden, workspace.Selected, workspace.Logits,
        ];
        Assert.Equal(rows.Sum(tensor => 4L * tensor.Rows * tensor.Cols), new ModelSize(TinyModel.GptJ).WorkspaceBytes(7, 3));
    }

    [Fact]
    public void Loading_maps_every_tensor_and_copies_what_is_not_packed_in_the_wanted_format()
    {
        using var folder = new TemporaryFolder();
        Quantizer.Quantize(Fixtures.Path("models/gpt2"), folder["q"], MatrixFormat.Q8);
        using Checkpoint checkpoint = Checkpoint.Open(folder["q"]);
        ModelConfig config = ModelConfigReader.ReadFile(checkpoint.ConfigPath);
        var weights = new CheckpointWeights(config, checkpoint.Tensors, checkpoint.Folder);
        long panels = checkpoint.Tensors.Values.Where(tensor => tensor.Type == ElementType.U8).Sum(tensor => tensor.Count);
        long floats = checkpoint.Tensors.Values.Where(tensor => tensor.Type != ElementType.U8).Sum(tensor => 4 * tensor.Count);
        Assert.Equal(new LoadingMemory(panels + floats, panels, floats), LoadingMemory.Of(config, weights, null));
        Assert.Equal(new LoadingMemory(panels + floats, panels, floats), LoadingMemory.Of(config, weights, MatrixFormat.Q8));
        Assert.Equal(panels + floats, new ModelSize(config).WeightBytes(MatrixFormat.Q8));
        LoadingMemory wide = LoadingMemory.Of(config, weights, MatrixFormat.F32);
        Assert.Equal(new LoadingMemory(panels + floats, 0, new ModelSize(config).WeightBytes(MatrixFormat.F32)), wide);
        Assert.Equal((panels + floats + wide.Copied, wide.Copied), (wide.Peak, wide.Resident));
    }

    [Fact]
    public void Matrix_products_are_twelve_LCC_and_the_head()
    {
        var size = new ModelSize(Of("gpt2"));
        Assert.Equal(12L * 12 * 768 * 768, size.LayerMatrixParameters);
        Assert.Equal(50257L * 768, size.HeadParameters);
        Assert.Equal(2 * ((12L * 12 * 768 * 768) + (50257L * 768)), size.BytesReadPerToken(MatrixFormat.F16));
    }

    // The model card's training column is 6·N·D for every row.
    [Theory]
    [InlineData(6.053e9, 402.13e9, 1.461e22)]
    [InlineData(1.316e9, 380e9, 3.00e21)]
    [InlineData(2.651e9, 420e9, 6.68e21)]
    [InlineData(11e9, 157.3e9, 1.04e22)]
    [InlineData(174.6e9, 300e9, 3.14e23)]
    public void The_cards_training_column_is_6ND(double parameters, double tokens, double expected) =>
        Assert.Equal(1, 6 * parameters * tokens / expected, 0.005);

    [Fact]
    public void GptJ_training_by_every_formula()
    {
        const double Steps = 383_500, Tokens = Steps * 512 * 2048;
        var flops = new FlopCount(Of("gpt-j-6b"));
        Assert.Equal(1, flops.Training * Tokens / 1.461e22, 0.002);
        Assert.Equal(1, (flops.PalmTraining - flops.Training) / 2.819e9, 0.001);
        Assert.Equal(1, flops.PalmTraining * Tokens / 1.574e22, 0.002);
        Assert.Equal(1, flops.ChinchillaTraining / 3.913e10, 0.001);
        Assert.Equal(1, flops.ChinchillaTraining * Tokens / 1.573e22, 0.001);
        Assert.Equal(1, flops.NarayananTrainingRecomputed * Tokens / 2.01e22, 0.005);
        Assert.Equal(1, flops.NarayananTraining * Tokens / 1.52e22, 0.005);
    }

    [Fact]
    public void Kaplans_count_leaves_the_embeddings_out()
    {
        var flops = new FlopCount(Of("gpt2"), sequenceLength: 1024);
        Assert.Equal(124_439_808 - (50257L * 768) - (1024 * 768), flops.NonEmbeddingParameters);
        Assert.Equal((2.0 * flops.NonEmbeddingParameters) + (2.0 * 12 * 1024 * 768), flops.KaplanForward);
        Assert.Equal(6.0 * flops.NonEmbeddingParameters, flops.KaplanTraining);
    }
}
