using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Gpu;
using Palmyra.Models;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Cli.Tests;

/// <summary>Golden outputs of <c>inspect</c>.</summary>
public sealed class InspectTests
{
    [Fact]
    public void GptJ_prints_the_cards_table_and_both_counts()
    {
        RunResult result = CommandLine.Run("inspect", "EleutherAI/gpt-j-6B");
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        Assert.Equal(
            """
            gpt-j-6b: EleutherAI's checkpoint of that name

            family             gptj
            n_parameters       6,050,882,784
            n_layers           28
            d_model            4,096
            d_ff               16,384
            n_heads            16
            d_head             256
            n_ctx              2,048
            n_vocab            50,400
            position encoding  rotary (RoPE)
            RoPE dimensions    64
            activation         gelu_new (tanh)
            attention          global
            head               its own matrix, with bias

            weights in f32      24,203,531,136 B            24.2 GB
            weights in f16      12,103,488,384 B            12.1 GB
            weights in bf16     12,103,488,384 B            12.1 GB
            weights in q8        6,431,593,344 B            6.43 GB
            weights in q4        3,406,582,656 B            3.41 GB
            cache a token, f32         917,504 B  1.88 GB for 2,048
            cache a token, f16         458,752 B   940 MB for 2,048
            cache a token, q8          232,960 B   477 MB for 2,048

            FLOPs a token, in sequences of 2,048:
              forward                         2N                                 1.21e10
              training                        6N                                 3.63e10
              Kaplan forward                  2N' + 2Lsd, N' without embeddings  1.17e10
              Kaplan training                 6N'                                3.38e10
              PaLM training                   6N + 12Lsd                         3.91e10
              Chinchilla training             every product, embedding included  3.91e10
              Narayanan training              72Ld²(1 + s/6d + V/12Ld)           3.79e10
              Narayanan training, recomputed  96Ld²(1 + s/6d + V/16Ld)           5.01e10

            Trained over 8 shards by mesh-transformer-jax it counts 6,053,381,344 parameters: each shard keeps its own copy of the norms, of fc_out's bias and of an embedding bias; a checkpoint merges them.

            """,
            result.Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_folder_prints_what_its_files_hold()
    {
        JsonElement model = CommandLine.Run("inspect", Fixtures.Path("models/gpt-neo-bin-sharded"), "--json").JsonLines().Single();
        Assert.Equal("gpt_neo", model.GetProperty("family").GetString());
        Assert.Equal(2, model.GetProperty("n_layers").GetInt32());
        Assert.Equal(["BF16"], model.GetProperty("stored_types").EnumerateArray().Select(type => type.GetString()).Where(type => type != "Bool"));
        Assert.Equal(2, model.GetProperty("weight_files").GetArrayLength());
        Assert.Equal(0, model.GetProperty("unexpected_tensors").GetArrayLength());
        Assert.False(model.TryGetProperty("n_parameters_8_shards", out _));
    }

    [Fact]
    public void Presets_are_listed_with_their_counts()
    {
        JsonElement[] presets = CommandLine.Run("inspect", "--list", "--json").JsonLines();
        Assert.Equal(23, presets.Length);
        Assert.Equal(125_950_464, presets.Single(preset => preset.GetProperty("name").GetString() == "palmyra-small").GetProperty("n_parameters_padded_vocabulary").GetInt64());
        JsonElement paper = presets.Single(preset => preset.GetProperty("name").GetString() == "gpt3-13b");
        Assert.Equal(12_952_938_780, paper.GetProperty("n_parameters").GetInt64());
        Assert.Equal(12_853_386_240, paper.GetProperty("runnable_n_parameters").GetInt64());
        Assert.False(presets.Single(preset => preset.GetProperty("name").GetString() == "megatron-11b").GetProperty("runnable").GetBoolean());
    }

    [Fact]
    public void Memory_of_a_preset_is_told_in_every_format()
    {
        RunResult result = CommandLine.Run("inspect", "gpt-j-6b", "--memory", "--dtype", "q8");
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        Assert.Equal(
            """
            gpt-j-6b

            weights in f32                                24,203,531,136 B  24.2 GB
            weights in f16                                12,103,488,384 B  12.1 GB
            weights in bf16                               12,103,488,384 B  12.1 GB
            weights in q8                                  6,431,593,344 B  6.43 GB
            weights in q4                                  3,406,582,656 B  3.41 GB
            cache a token, f32                                   917,504 B   918 kB
              a context of 2,048                           1,879,048,192 B  1.88 GB
            cache a token, f16                                   458,752 B   459 kB
              a context of 2,048                             939,524,096 B   940 MB
            cache a token, q8                                    232,960 B   233 kB
              a context of 2,048                             477,102,080 B   477 MB
            logits of a sequence                                 201,600 B   202 kB
            working rows, 512 tokens a step                   84,104,064 B  84.1 MB
            one sequence of 2,048, weights q8, cache f32   8,394,745,600 B  8.39 GB


            """,
            result.Output.ReplaceLineEndings("\n")[..result.Output.IndexOf("on a GPU", StringComparison.Ordinal)]);
        string[] gpu = result.Output[result.Output.IndexOf("on a GPU", StringComparison.Ordinal)..].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches(@"^on a GPU +f32 +f16 +bf16 +q8 +q4$", gpu[0]);
        Assert.Matches(@"^weights +24\.2 GB +12\.1 GB +12\.1 GB +6\.43 GB +3\.41 GB$", gpu[1]);
        Assert.Matches(@"^working rows, 512 tokens a step +[0-9]+ MB", gpu[2]);
        Assert.Equal(
            ["all, with 512 tokens, cache f32", "all, with 512 tokens, cache f16", "all, with 2,048 tokens, cache f32", "all, with 2,048 tokens, cache f16"],
            gpu[3..7].Select(line => line[..line.IndexOf("  ", StringComparison.Ordinal)]));
        Assert.Matches(@"^card for 2,048 tokens, cache f32 +40 GB +16 GB +16 GB +16 GB +8 GB$", gpu[7]);
        Assert.Contains("up to 192 multiprocessors", gpu[8], StringComparison.Ordinal);
        Assert.Contains("Of cards of 8, 16, 24, 40, 80, 141 GB 90 % are counted", gpu[8], StringComparison.Ordinal);
    }

    [Fact]
    public void What_no_card_holds_is_larger_than_the_largest() => Assert.Matches(
        @"(?m)^card for 2,048 tokens, cache f32 +over 141 GB ", CommandLine.Run("inspect", "gpt3-175b", "--memory").Output);

    [Theory]
    [InlineData("gpt2", null, 5)]
    [InlineData("gpt3-175b", null, 5)]
    [InlineData("models/gptj", "stored", 6)]
    public void Memory_on_a_gpu_is_what_its_room_is_checked_by(string model, string? first, int formats)
    {
        JsonElement memory = CommandLine.Run("inspect", first is null ? model : Fixtures.Path(model), "--memory", "--json").JsonLines().Single();
        ModelConfig config = first is null ? ModelPresets.Find(model)!.Runnable! : ModelConfigReader.ReadFile(Fixtures.Path($"{model}/config.json"));
        JsonElement gpu = memory.GetProperty("gpu");
        JsonElement[] dtypes = [.. gpu.GetProperty("dtypes").EnumerateArray()];
        JsonElement[] caches = [.. gpu.GetProperty("caches").EnumerateArray()];
        Assert.Equal(formats, dtypes.Length);
        Assert.Equal(first ?? "f32", dtypes[0].GetProperty("dtype").GetString());
        Assert.Equal([config.ContextLength / 4, config.ContextLength], caches.Select(cache => cache.GetProperty("tokens").GetInt32()));

        // The fixture's checkpoint is F32, as a model without one counts.
        var size = new GpuModelSize(config);
        foreach (JsonElement dtype in dtypes)
        {
            string name = dtype.GetProperty("dtype").GetString()!;
            MatrixFormat? format = name == "stored" ? null : Enum.Parse<MatrixFormat>(name, ignoreCase: true);
            long total = dtype.GetProperty("total_bytes").GetInt64();
            Assert.Equal(size.WeightBytes(format), dtype.GetProperty("weight_bytes").GetInt64());
            Assert.Equal(size.WorkingBytes(gpu.GetProperty("working_rows").GetInt32(), format), dtype.GetProperty("working_bytes").GetInt64());
            Assert.Equal(
                dtype.GetProperty("weight_bytes").GetInt64() + dtype.GetProperty("working_bytes").GetInt64() + caches[1].GetProperty("f32_bytes").GetInt64(),
                total);
            int smallest = ((int[])[8, 16, 24, 40, 80, 141]).FirstOrDefault(card => total <= 0.9 * card * (1L << 30));
            JsonElement card = dtype.GetProperty("card_gb");
            Assert.Equal(smallest, card.ValueKind == JsonValueKind.Null ? 0 : card.GetInt32());
        }
    }

    [Fact]
    public void Memory_of_a_preset_is_that_of_what_is_run()
    {
        // The published width of 5,140 is run as 5,120: 40 layers of 12 width² + 13 width, 50,257 + 2,048 rows, and the last norm.
        const long Numbers = (40L * ((12L * 5120 * 5120) + (13 * 5120))) + ((50_257 + 2_048) * 5_120L) + (2 * 5_120);
        JsonElement memory = CommandLine.Run("inspect", "gpt3-13b", "--memory", "--json").JsonLines().Single();
        Assert.Equal(Numbers * sizeof(float), memory.GetProperty("weight_bytes").GetProperty("f32").GetInt64());
    }

    [Fact]
    public void Memory_of_a_folder_tells_what_loading_copies()
    {
        JsonElement memory = CommandLine.Run("inspect", Fixtures.Path("models/gptj"), "--memory", "--json").JsonLines().Single();
        JsonElement loading = memory.GetProperty("loading");
        Assert.Equal("stored", loading.GetProperty("dtype").GetString());
        Assert.Equal(memory.GetProperty("weight_bytes").GetProperty("f32").GetInt64(), loading.GetProperty("copied_bytes").GetInt64());
        Assert.Equal(0, loading.GetProperty("in_place_bytes").GetInt64());
        Assert.Equal(loading.GetProperty("mapped_bytes").GetInt64() + loading.GetProperty("copied_bytes").GetInt64(), loading.GetProperty("peak_bytes").GetInt64());
    }

    [Fact]
    public void Tensors_are_listed_with_their_shapes()
    {
        RunResult result = CommandLine.Run("inspect", "gpt2", "--list");
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal((12 * 12) + 4, lines.Length);
        Assert.Matches(@"^transformer\.h\.0\.attn\.c_attn\.weight +- +768 x 2304$", lines[4]);
    }
}
