using System.Text;
using CsCheck;
using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Models;

public sealed class ModelConfigTests
{
    [Fact]
    public void Missing_keys_take_transformers_defaults()
    {
        ModelConfig gpt2 = Parse("""{"model_type": "gpt2"}""");
        Assert.Equal((50257, 1024, 768, 12, 12, 3072), (gpt2.VocabularySize, gpt2.ContextLength, gpt2.Width, gpt2.Layers, gpt2.Heads, gpt2.HiddenWidth));
        Assert.True(gpt2.TieWordEmbeddings && gpt2.ScaleAttention && !gpt2.ScaleByInverseLayer && gpt2.LearnedPositions);

        ModelConfig neo = Parse("""{"model_type": "gpt_neo"}""");
        Assert.Equal((2048, 2048, 24, 16, 8192), (neo.ContextLength, neo.Width, neo.Layers, neo.Heads, neo.HiddenWidth));
        Assert.Equal(1f, neo.AttentionShape(0).Scale);
        Assert.Equal(Enumerable.Range(0, 24).Select(layer => layer % 2 * 256), neo.Windows);

        ModelConfig gptJ = Parse("""{"model_type": "gptj"}""");
        Assert.Equal((50400, 2048, 4096, 28, 16, 16384, 64), (gptJ.VocabularySize, gptJ.ContextLength, gptJ.Width, gptJ.Layers, gptJ.Heads, gptJ.HiddenWidth, gptJ.RotaryDims));
        Assert.False(gptJ.TieWordEmbeddings);
        Assert.Equal(1 / 16f, gptJ.AttentionShape(5).Scale);
    }

    [Fact]
    public void Old_and_common_names_are_accepted_and_unknown_keys_ignored()
    {
        ModelConfig config = Parse("""
            {"model_type": "gpt2", "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "n_ctx": 64, "rotary": true,
             "activation_function": "gelu", "n_inner": null, "task_specific_params": {"text-generation": {}}, "eos_token_id": [1, 2],
             "bos_token_id": null, "dtype": "bfloat16"}
            """);
        Assert.Equal((32, 4, 2, 64, 128), (config.Width, config.Heads, config.Layers, config.ContextLength, config.HiddenWidth));
        Assert.Equal(Activation.GeluErf, config.Activation);
        Assert.Equal([1, 2], config.EosTokenIds);
        Assert.Null(config.BosTokenId);
        Assert.Equal("bfloat16", config.StoredType);
    }

    [Theory]
    [InlineData("""{"model_type": "gpt2"}""", 50256, 50256)]
    [InlineData("""{"model_type": "gptj", "eos_token_id": 7}""", 50256, 7)]
    [InlineData("""{"model_type": "gpt_neo", "bos_token_id": null, "eos_token_id": null}""", null, null)]
    [InlineData("""{"model_type": "gpt2", "vocab_size": 50256}""", null, null)]
    public void Unsaid_end_tokens_are_GPT2s_if_the_vocabulary_has_it(string json, int? bos, int? eos)
    {
        ModelConfig config = Parse(json);
        Assert.Equal(bos, config.BosTokenId);
        Assert.Equal(eos is null ? [] : [eos.Value], config.EosTokenIds);
    }

    [Fact]
    public void GptJ_stays_untied_and_a_null_rotary_dim_means_the_whole_head()
    {
        ModelConfig config = Parse("""{"model_type": "gptj", "n_embd": 64, "n_head": 4, "rotary_dim": null, "tie_word_embeddings": true}""");
        Assert.False(config.TieWordEmbeddings);
        Assert.Equal(16, config.RotaryDims);
    }

    [Fact]
    public void GptNeo_layer_kinds_expand_from_either_key()
    {
        const string Sizes = "\"model_type\": \"gpt_neo\", \"hidden_size\": 16, \"num_heads\": 2, \"window_size\": 7, \"num_layers\": 5";
        Assert.Equal([0, 7, 0, 7, 7], Parse($$"""{ {{Sizes}}, "attention_types": [[["global", "local"], 2], [["local"], 1]] }""").Windows);
        Assert.Equal([7, 0, 0, 0, 7], Parse($$"""{ {{Sizes}}, "attention_layers": ["local", "global", "global", "global", "local"] }""").Windows);
    }

    [Fact]
    public void Inverse_layer_scale_divides_by_layer_number_from_one()
    {
        ModelConfig config = Parse("""{"model_type": "gpt2", "n_embd": 64, "n_head": 4, "scale_attn_by_inverse_layer_idx": true}""");
        Assert.Equal((float)(0.25 / 3), config.AttentionShape(2).Scale);
    }

    [Theory]
    [InlineData("[]", "expected a JSON object; found Array")]
    [InlineData("{", "does not parse")]
    [InlineData("{}", "model_type is missing")]
    [InlineData("""{"model_type": "gpt2\ud800"}""", "does not parse")]
    [InlineData("""{"model_type": "llama"}""", "model_type 'llama' is not one Palmyra runs")]
    [InlineData("""{"model_type": "gpt2", "n_embd": 30, "n_head": 4}""", "n_embd was expected to be a multiple of n_head = 4; found 30")]
    [InlineData("""{"model_type": "gpt2", "n_embd": "wide"}""", "n_embd was expected to be an integer; found \"wide\"")]
    [InlineData("""{"model_type": "gpt2", "n_layer": 0}""", "n_layer was expected to be 1 to 10000; found 0")]
    [InlineData("""{"model_type": "gpt2", "n_embd": 2147483647}""", "n_embd was expected to be 1 to 16777216; found 2147483647")]
    [InlineData("""{"model_type": "gpt2", "activation_function": "mish"}""", "activation_function 'mish' is unknown")]
    [InlineData("""{"model_type": "gpt2", "layer_norm_epsilon": 0}""", "layer_norm_epsilon was expected to be a positive number")]
    [InlineData("""{"model_type": "gpt2", "add_cross_attention": true}""", "add_cross_attention is true")]
    [InlineData("""{"model_type": "gptj", "rotary_dim": 7}""", "rotary_dim was expected to be an even number")]
    [InlineData("""{"model_type": "gptj", "rotary_dim": 512}""", "rotary_dim was expected to be an even number up to the head width 256; found 512")]
    [InlineData("""{"model_type": "gpt_neo", "num_layers": 2, "attention_layers": ["global"]}""", "expected to name 2 layers; found 1")]
    [InlineData("""{"model_type": "gpt_neo", "attention_types": [[["global"], 1000000000]]}""", "names more layers than num_layers")]
    [InlineData("""{"model_type": "gpt_neo", "num_layers": 2000000000}""", "num_layers was expected to be 1 to")]
    [InlineData("""{"model_type": "gpt_neo", "attention_types": [[[], 2147483647]]}""", "at least one kind; found [[], 2147483647]")]
    [InlineData("""{"model_type": "gpt2", "initializer_range": 1e400}""", "initializer_range was expected to be a number of 32 bits; found 1e400")]
    public void Configurations_that_cannot_run_are_refused_by_reason(string json, string reason)
    {
        var failure = Assert.Throws<ModelConfigException>(() => Parse(json));
        Assert.StartsWith("config.json: ", failure.Message, StringComparison.Ordinal);
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_is_passed_over_and_files_that_cannot_be_read_are_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], """{"model_type": "gptj"}""", Encoding.UTF8);
        Assert.Equal(ModelFamily.GptJ, ModelConfigReader.ReadFile(folder["config.json"]).Family);
        Assert.Throws<ModelConfigException>(() => ModelConfigReader.ReadFile(folder["absent.json"]));
        Assert.Throws<ModelConfigException>(() => ModelConfigReader.ReadFile(folder.Root));
        File.WriteAllText(folder["large.json"], new string(' ', 5 << 20) + "{}");
        Assert.Contains("at most", Assert.Throws<ModelConfigException>(() => ModelConfigReader.ReadFile(folder["large.json"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        ModelConfig endless = Parse("""{"model_type": "gpt2", "bos_token_id": null, "eos_token_id": null}""");
        IEnumerable<ModelConfig> models =
            Fixtures.Models.Select(name => ModelConfigReader.ReadFile(Path.Combine(Fixtures.Path("models"), name, "config.json")));
        foreach (ModelConfig config in models.Append(endless))
        {
            using var json = new MemoryStream();
            ModelConfigWriter.Write(config, "float32", json);
            ModelConfig again = ModelConfigReader.Parse(json.ToArray(), "again");

            // Records compare lists by reference, so these go separately.
            Assert.Equal(Enumerable.Range(0, config.Layers).Select(config.AttentionShape), Enumerable.Range(0, config.Layers).Select(again.AttentionShape));
            Assert.Equal(config.EosTokenIds, again.EosTokenIds);
            Assert.Equal(
                config with { Windows = [], EosTokenIds = [], StoredType = null },
                again with { Windows = [], EosTokenIds = [], StoredType = null });
        }
    }

    [Fact]
    public void Damaged_configurations_are_refused_or_read_and_nothing_else()
    {
        byte[][] originals = [.. Fixtures.Models.Select(name => File.ReadAllBytes(Fixtures.Path($"models/{name}/config.json")))];
        Gen.Select(Gen.Int[0, originals.Length - 1], Gen.Select(Gen.Double[0, 1], Gen.Byte).Array[1, 6]).Sample((file, damage) =>
        {
            byte[] bytes = [.. originals[file]];
            foreach ((double place, byte value) in damage)
            {
                bytes[(int)(place * (bytes.Length - 1))] = value;
            }

            try
            {
                ModelConfigReader.Parse(bytes, "config.json");
            }
            catch (ModelConfigException)
            {
            }
        }, iter: 5000);
    }

    private static ModelConfig Parse(string json) => ModelConfigReader.Parse(Encoding.UTF8.GetBytes(json), "config.json");
}
