using Palmyra.Models;

namespace Palmyra.Gpu.Bundle.Measuring;

/// <summary>How large what is measured is.</summary>
internal sealed record SpeedSizes
{
    /// <summary>Rounds; medians are of these.</summary>
    public int Rounds { get; private init; } = 5;

    /// <summary>Bytes of the copy that is the limit.</summary>
    public long CopyBytes { get; private init; } = 1L << 30;

    /// <summary>
    /// Bytes of weights that a pass of products goes through, in as many matrices as it takes: ten times a level-2 cache, which would answer in the
    /// memory's place.
    /// </summary>
    public long WeightBytes { get; private init; } = 512L << 20;

    /// <summary>Outputs and inputs of GEMVs: GPT-J's.</summary>
    public IReadOnlyList<(int Outputs, int Inputs)> Gemvs { get; private init; } = [(4096, 4096), (16384, 4096), (4096, 16384), (50400, 4096)];

    /// <summary>Outputs and inputs of GEMMs: GPT-J's largest, and GPT-2's smallest and deepest.</summary>
    public IReadOnlyList<(int Outputs, int Inputs)> Gemms { get; private init; } = [(16384, 4096), (768, 768), (768, 3072)];

    /// <summary>Rows of GEMMs: those of flat, small and large tiles.</summary>
    public IReadOnlyList<int> GemmRows { get; private init; } = [16, 64, 128, 512, 2048];

    /// <summary>Outputs and inputs of products of few rows: GPT-J's up and down, and GPT-2's smallest and deepest.</summary>
    public IReadOnlyList<(int Outputs, int Inputs)> Few { get; private init; } = [(16384, 4096), (4096, 16384), (768, 768), (768, 3072)];

    /// <summary>Rows of those, about where tensor cores take over.</summary>
    public IReadOnlyList<int> FewRows { get; private init; } = [5, 8, 9, 12, 16];

    /// <summary>Rows of those with F32 weights, about where tiles take over and become large.</summary>
    public IReadOnlyList<int> FloatRows { get; private init; } = [16, 17, 32, 64, 128, 512];

    /// <summary>Heads of attention.</summary>
    public int Heads { get; private init; } = 16;

    /// <summary>Numbers of a head.</summary>
    public int HeadDim { get; private init; } = 256;

    /// <summary>Tokens that attend.</summary>
    public int Tokens { get; private init; } = 2048;

    /// <summary>Logits that the largest are found of: GPT-2's.</summary>
    public int Vocabulary { get; private init; } = 50257;

    /// <summary>Tokens of a prompt.</summary>
    public int Prompt { get; private init; } = 1024;

    /// <summary>Tokens decoded after it.</summary>
    public int Decoded { get; private init; } = 64;

    /// <summary>The models, small before large.</summary>
    public IReadOnlyList<(string Name, ModelConfig Config)> Models { get; private init; } = [Preset("gpt2"), Preset("gpt-j-6b")];

    /// <summary>What an option asks for.</summary>
    public static SpeedSizes For(BundleOptions options) => options.Interpreter ? Tiny : options.Quick ? Quick : new SpeedSizes();

    // A minute or two on a GPU, by estimate, of which loading matrices takes most.
    private static SpeedSizes Quick { get; } = new()
    {
        WeightBytes = 256L << 20,
        Gemvs = [(16384, 4096)],
        Gemms = [(16384, 4096)],
        GemmRows = [16, 64, 512],
        Few = [(16384, 4096)],
        FewRows = [8, 16],
        FloatRows = [16, 32],
        Prompt = 256,
        Decoded = 16,
        Models = [Preset("gpt2")],
    };

    // Nothing but a trial of this program: the interpreter needs seconds for a millisecond of a GPU.
    private static SpeedSizes Tiny { get; } = new()
    {
        Rounds = 2,
        CopyBytes = 1 << 16,
        WeightBytes = 1 << 14,
        Gemvs = [(24, 64)],
        Gemms = [(64, 32)],
        GemmRows = [17],
        Few = [(24, 64)],
        FewRows = [9],
        FloatRows = [17],
        Heads = 2,
        HeadDim = 8,
        Tokens = 20,
        Vocabulary = 1100,
        Prompt = 18,
        Decoded = 2,
        Models =
        [
            ("gpt-j made tiny", Preset("gpt-j-6b").Config with
            {
                Layers = 1, Width = 32, Heads = 2, HiddenWidth = 64, VocabularySize = 50, ContextLength = 32, RotaryDims = 8,
            }),
        ],
    };

    private static (string Name, ModelConfig Config) Preset(string name) => (name, ModelPresets.Find(name)!.Runnable!);
}
