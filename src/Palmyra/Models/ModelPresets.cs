using Palmyra.Backends;

namespace Palmyra.Models;

/// <summary>The models of the GPT-J model card's comparison table and the Palmyra models, by name.</summary>
public static class ModelPresets
{
    private const string Gpt3 = "Brown et al. 2020, table 2.1 (arXiv:2005.14165)";
    private const string Gpt3Note =
        "GPT-3 alternates dense and banded sparse attention in a pattern that was never published; every layer runs dense here.";

    /// <summary>Every preset, families together, small before large.</summary>
    public static IReadOnlyList<ModelPreset> All { get; } =
    [
        Gpt2("gpt2", 12, 768, 12),
        Gpt2("gpt2-medium", 24, 1024, 16),
        Gpt2("gpt2-large", 36, 1280, 20),
        Gpt2("gpt2-xl", 48, 1600, 25),
        GptNeo("gpt-neo-125m", 12, 768, 12),
        GptNeo("gpt-neo-1.3b", 24, 2048, 16),
        GptNeo("gpt-neo-2.7b", 32, 2560, 20),
        GptJ(),
        Palmyra("palmyra-small", 12, 768, 12, initializerRange: 0.023f, padded: 51200),
        Palmyra("palmyra-base", 24, 4096, 32, initializerRange: 0.01f, padded: 51200),
        Palmyra("palmyra-large", 44, 6144, 48, initializerRange: 0.008165f, padded: null),
        Megatron("megatron-345m", 24, 1024, 16, vocabulary: 50257),
        Megatron("megatron-2.5b", 54, 1920, 20, vocabulary: 51200),
        Megatron("megatron-8.3b", 72, 3072, 24, vocabulary: 51200),
        Megatron11B(),
        Plain("gpt3-small", Gpt3, Dense(12, 768, 12, 2048), Gpt3Note),
        Plain("gpt3-medium", Gpt3, Dense(24, 1024, 16, 2048), Gpt3Note),
        Plain("gpt3-large", Gpt3, Dense(24, 1536, 16, 2048), Gpt3Note),
        Corrected(
            "gpt3-xl",
            Dense(24, 2048, 24, 2048),
            Dense(24, 2048, 16, 2048),
            "The paper's row has 24 heads of 128, which is 3,072 and not the width 2,048; 16 heads of 128 are run, with the same parameters."),
        Plain("gpt3-2.7b", Gpt3, Dense(32, 2560, 32, 2048), Gpt3Note),
        Plain("gpt3-6.7b", Gpt3, Dense(32, 4096, 32, 2048), Gpt3Note),
        Corrected(
            "gpt3-13b",
            Dense(40, 5140, 40, 2048),
            Dense(40, 5120, 40, 2048),
            "The paper's row has width 5,140, which 40 heads of 128 do not divide; width 5,120 is run, with fewer parameters."),
        Plain("gpt3-175b", Gpt3, Dense(96, 12288, 96, 2048), Gpt3Note),
    ];

    /// <summary>Finds a preset whatever the case and with or without its publisher: <c>EleutherAI/gpt-j-6B</c> is <c>gpt-j-6b</c>.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The preset, or null if there is none of that name.</returns>
    public static ModelPreset? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string bare = name[(name.LastIndexOf('/') + 1)..];
        return All.FirstOrDefault(preset => string.Equals(preset.Name, bare, StringComparison.OrdinalIgnoreCase));
    }

    private static ModelPreset Plain(string name, string source, ModelConfig config, string? note = null) => new()
    {
        Name = name,
        Published = config,
        Runnable = config,
        PublishedHeadDim = config.HeadDim,
        Source = source,
        Note = note,
    };

    private static ModelPreset Gpt2(string name, int layers, int width, int heads) =>
        Plain(name, "the checkpoint of that name (Radford et al. 2019)", Dense(layers, width, heads, 1024));

    private static ModelPreset GptNeo(string name, int layers, int width, int heads) =>
        Plain(name, "EleutherAI's checkpoint of that name", Dense(layers, width, heads, 2048) with
        {
            Family = ModelFamily.GptNeo,
            ScaleAttention = false,
            Windows = [.. Enumerable.Range(0, layers).Select(layer => layer % 2 == 0 ? 0 : 256)],
        });

    private static ModelPreset GptJ() => Plain(
        "gpt-j-6b",
        "EleutherAI's checkpoint of that name",
        Dense(28, 4096, 16, 2048) with
        {
            Family = ModelFamily.GptJ,
            VocabularySize = 50400,
            RotaryDims = 64,
            TieWordEmbeddings = false,
        });

    private static ModelPreset Palmyra(string name, int layers, int width, int heads, float initializerRange, int? padded) =>
        Plain(name, "Writer's checkpoint of that name", Dense(layers, width, heads, 2048) with
        {
            Activation = Activation.GeluErf,
            InitializerRange = initializerRange,
        }) with
        {
            PaddedVocabularySize = padded,
        };

    private static ModelPreset Megatron(string name, int layers, int width, int heads, int vocabulary) =>
        Plain(name, "Shoeybi et al. 2019 (arXiv:1909.08053)", Dense(layers, width, heads, 1024) with { VocabularySize = vocabulary });

    private static ModelPreset Megatron11B()
    {
        ModelConfig shape = Dense(72, 3072, 32, 1024) with { HiddenWidth = 18432, VocabularySize = 50304, Activation = Activation.GeluErf };
        return Plain("megatron-11b", "fairseq's megatron_11b", shape) with
        {
            Runnable = null,
            ComputedPositions = true,
            Note = "Counted, not run: its positions are sinusoids and its embedding is scaled by the root of the width, which none of the "
                + "three families does; the vocabulary of 50,304 rows is derived, not read from the checkpoint.",
        };
    }

    private static ModelPreset Corrected(string name, ModelConfig published, ModelConfig runnable, string note) =>
        Plain(name, Gpt3, published, note + " " + Gpt3Note) with { Runnable = runnable, PublishedHeadDim = 128 };

    // GPT-2's layout with every layer global, the shape that most rows are; the others change what differs.
    private static ModelConfig Dense(int layers, int width, int heads, int context) => new()
    {
        Family = ModelFamily.Gpt2,
        VocabularySize = 50257,
        ContextLength = context,
        Width = width,
        Layers = layers,
        Heads = heads,
        HiddenWidth = 4 * width,
        BosTokenId = 50256,
        EosTokenIds = [50256],
    };
}
