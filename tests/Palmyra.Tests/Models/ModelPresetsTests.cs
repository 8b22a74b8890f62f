using Palmyra.Backends;
using Palmyra.Models;
using Xunit;

namespace Palmyra.Tests.Models;

/// <summary>Every parameter count of the literature's table, from the shapes of the tensors.</summary>
public sealed class ModelPresetsTests
{
    [Theory]
    [InlineData("gpt2", 124_439_808)]
    [InlineData("gpt2-medium", 354_823_168)]
    [InlineData("gpt2-large", 774_030_080)]
    [InlineData("gpt2-xl", 1_557_611_200)]
    [InlineData("gpt-neo-125m", 125_198_592)]
    [InlineData("gpt-neo-1.3b", 1_315_575_808)]
    [InlineData("gpt-neo-2.7b", 2_651_307_520)]
    [InlineData("gpt-j-6b", 6_050_882_784)]
    [InlineData("palmyra-small", 125_226_240)]
    [InlineData("palmyra-base", 5_047_365_632)]
    [InlineData("palmyra-large", 20_256_221_184)]
    [InlineData("megatron-345m", 354_823_168)]
    [InlineData("megatron-2.5b", 2_490_408_960)]
    [InlineData("megatron-8.3b", 8_317_040_640)]
    [InlineData("megatron-11b", 11_029_493_760)]
    [InlineData("gpt3-small", 125_226_240)]
    [InlineData("gpt3-medium", 355_871_744)]
    [InlineData("gpt3-large", 760_300_032)]
    [InlineData("gpt3-xl", 1_315_723_264)]
    [InlineData("gpt3-2.7b", 2_651_553_280)]
    [InlineData("gpt3-6.7b", 6_658_404_352)]
    [InlineData("gpt3-13b", 12_952_938_780)]
    [InlineData("gpt3-175b", 174_604_259_328)]
    public void The_published_shape_has_the_published_parameters(string name, long expected) =>
        Assert.Equal(expected, ModelPresets.Find(name)!.ParameterCount);

    [Fact]
    public void Every_preset_has_its_row_in_the_table_above() => Assert.Equal(23, ModelPresets.All.Count);

    [Theory]
    [InlineData("palmyra-small", 125_950_464)]
    [InlineData("palmyra-base", 5_051_228_160)]
    public void The_padded_vocabulary_gives_the_frameworks_own_count(string name, long expected) =>
        Assert.Equal(expected, ModelPresets.Find(name)!.PaddedParameterCount);

    [Theory]
    [InlineData("gpt3-xl", 16, 2048, 1_315_723_264)]
    [InlineData("gpt3-13b", 40, 5120, 12_853_386_240)]
    public void Inconsistent_rows_run_with_heads_of_128(string name, int heads, int width, long expected)
    {
        ModelPreset preset = ModelPresets.Find(name)!;
        Assert.NotEqual(preset.Published, preset.Runnable);
        Assert.NotEqual(preset.Published.Width, preset.Published.Heads * preset.PublishedHeadDim);
        Assert.Equal((heads, width, 128), (preset.Runnable!.Heads, preset.Runnable.Width, preset.Runnable.HeadDim));
        Assert.Equal(expected, new ModelSize(preset.Runnable).Parameters);
    }

    [Fact]
    public void Every_runnable_preset_is_a_valid_configuration()
    {
        foreach (ModelPreset preset in ModelPresets.All)
        {
            if (preset.Runnable is null)
            {
                Assert.Equal("megatron-11b", preset.Name);
                Assert.NotNull(preset.Note);
                continue;
            }

            Assert.Same(preset.Runnable, preset.Runnable.Validate());
            Assert.True(preset.Runnable == preset.Published || preset.Note is not null, preset.Name);
        }
    }

    [Theory]
    [InlineData("EleutherAI/gpt-j-6B", "gpt-j-6b")]
    [InlineData("Writer/palmyra-small", "palmyra-small")]
    [InlineData("GPT2-XL", "gpt2-xl")]
    public void Names_are_found_whatever_the_case_or_publisher(string name, string expected) =>
        Assert.Equal(expected, ModelPresets.Find(name)!.Name);

    [Fact]
    public void An_unknown_name_is_not_found() => Assert.Null(ModelPresets.Find("gpt-5"));

    [Fact]
    public void Palmyra_runs_GPT2_with_the_exact_gelu_and_its_own_initialisation()
    {
        ModelConfig small = ModelPresets.Find("palmyra-small")!.Runnable!;
        Assert.Equal(ModelFamily.Gpt2, small.Family);
        Assert.Equal(Activation.GeluErf, small.Activation);
        Assert.Equal(2048, small.ContextLength);
        Assert.Equal(0.023f, small.InitializerRange);
        Assert.Equal(0.01f, ModelPresets.Find("palmyra-base")!.Runnable!.InitializerRange);
        Assert.Equal(0.008165f, ModelPresets.Find("palmyra-large")!.Runnable!.InitializerRange);
    }
}
