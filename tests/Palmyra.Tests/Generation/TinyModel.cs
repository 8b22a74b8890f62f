using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Models;

namespace Palmyra.Tests.Generation;

/// <summary>Models small enough to run hundreds of steps, with weights large enough that the texts vary.</summary>
internal static class TinyModel
{
    public const int Context = 32;

    public static readonly ModelConfig Gpt2 = new()
    {
        Family = ModelFamily.Gpt2, VocabularySize = 40, ContextLength = Context, Width = 16, Layers = 2, Heads = 2, HiddenWidth = 32,
        InitializerRange = 0.6f, BosTokenId = 3, EosTokenIds = [39],
    };

    public static readonly ModelConfig GptJ = Gpt2 with { Family = ModelFamily.GptJ, RotaryDims = 4, TieWordEmbeddings = false };

    public static readonly ModelConfig GptNeo = Gpt2 with { Family = ModelFamily.GptNeo, ScaleAttention = false, Windows = [0, 8] };

    public static Transformer Create(ModelConfig config, IBackend? backend = null) =>
        TransformerLoader.Load(config, backend ?? new CheckedBackend(new ReferenceBackend()), MatrixFormat.F32, new RandomWeights(config, 7).View);

    public static int[] Prompt(int length, int start = 5) => [.. Enumerable.Range(0, length).Select(i => ((i * i) + start) % 38)];
}
