using Palmyra.Backends;
using Palmyra.Diagnostics;

namespace Palmyra.Models;

/// <summary>The hyper-parameters of a model: one record for the three families, read from <c>config.json</c> by <see cref="ModelConfigReader"/>.</summary>
/// <remarks>
/// The families differ by the values here and by the weights they have, not by code: a rotary width, a window per layer, a scale per
/// layer, whether the head is tied. Defaults are transformers' (spec of GPT2Config, GPTNeoConfig, GPTJConfig).
/// </remarks>
public sealed record ModelConfig
{
    // Far above every model there is, and low enough that a damaged file cannot ask for a list that fills the memory.
    internal const int LargestLayerCount = 10_000;
    private const int LargestSize = 1 << 24;

    /// <summary>The family.</summary>
    public required ModelFamily Family { get; init; }

    /// <summary>Vocabulary V: rows of the embedding and the head.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Context T: the largest number of positions.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Model width C.</summary>
    public required int Width { get; init; }

    /// <summary>Layers L.</summary>
    public required int Layers { get; init; }

    /// <summary>Heads H.</summary>
    public required int Heads { get; init; }

    /// <summary>Hidden width F of the feed-forward layers; 4·C unless the configuration says otherwise.</summary>
    public required int HiddenWidth { get; init; }

    /// <summary>The feed-forward activation.</summary>
    public Activation Activation { get; init; } = Activation.GeluTanh;

    /// <summary>The epsilon of every LayerNorm.</summary>
    public float LayerNormEpsilon { get; init; } = 1e-5f;

    /// <summary>Standard deviation of freshly initialised weights.</summary>
    public float InitializerRange { get; init; } = 0.02f;

    /// <summary>How many numbers of each head turn with the position (GPT-J); 0 where positions are learned.</summary>
    public int RotaryDims { get; init; }

    /// <summary>Whether scores are divided by √D (GPT-2's <c>scale_attn_weights</c>; always for GPT-J, never for GPT-Neo).</summary>
    public bool ScaleAttention { get; init; } = true;

    /// <summary>Whether layer i (from 0) divides its scores by i + 1 too (GPT-2's <c>scale_attn_by_inverse_layer_idx</c>).</summary>
    public bool ScaleByInverseLayer { get; init; }

    /// <summary>The window of each layer, 0 for global ones; empty means that all are global.</summary>
    public IReadOnlyList<int> Windows { get; init; } = [];

    /// <summary>Whether the head shares the embedding's matrix.</summary>
    public bool TieWordEmbeddings { get; init; } = true;

    /// <summary>The token a text starts with, if the model has one.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>The tokens that end a text.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>The token that fills finished rows, if the model has one.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>The number type the checkpoint says it is stored in (<c>torch_dtype</c> or <c>dtype</c>), if it says.</summary>
    public string? StoredType { get; init; }

    /// <summary>The width D of a head.</summary>
    public int HeadDim => Width / Heads;

    /// <summary>Whether positions are a learned table; otherwise they enter by rotation.</summary>
    public bool LearnedPositions => RotaryDims == 0;

    /// <summary>What attention of a layer is told.</summary>
    /// <param name="layer">The layer, from 0.</param>
    public AttentionShape AttentionShape(int layer)
    {
        double scale = ScaleAttention ? 1 / Math.Sqrt(HeadDim) : 1;
        if (ScaleByInverseLayer)
        {
            scale /= layer + 1;
        }

        return new AttentionShape(Heads, HeadDim, (float)scale, Windows.Count == 0 ? 0 : Windows[layer]);
    }

    /// <summary>Returns this record if its values can be run.</summary>
    /// <exception cref="ModelConfigException">A size is not positive, the width is not a multiple of the heads, or another rule is broken.</exception>
    public ModelConfig Validate()
    {
        foreach ((string name, int value) in new[]
        {
            ("vocab_size", VocabularySize), ("n_positions", ContextLength), ("n_embd", Width),
            ("n_layer", Layers), ("n_head", Heads), ("n_inner", HiddenWidth),
        })
        {
            int largest = name == "n_layer" ? LargestLayerCount : LargestSize;
            if (value <= 0 || value > largest)
            {
                throw new ModelConfigException($"{name} was expected to be 1 to {largest}; found {value}.");
            }
        }

        if (Width % Heads != 0)
        {
            throw new ModelConfigException($"n_embd was expected to be a multiple of n_head = {Heads}; found {Width}.");
        }

        if (RotaryDims < 0 || RotaryDims > HeadDim || RotaryDims % 2 != 0)
        {
            throw new ModelConfigException($"rotary_dim was expected to be an even number up to the head width {HeadDim}; found {RotaryDims}.");
        }

        if (Windows.Count != 0 && Windows.Count != Layers)
        {
            throw new ModelConfigException($"attention_layers was expected to name {Layers} layers; found {Windows.Count}.");
        }

        if (!(LayerNormEpsilon > 0) || !float.IsFinite(LayerNormEpsilon))
        {
            throw new ModelConfigException($"layer_norm_epsilon was expected to be a positive number; found {LayerNormEpsilon}.");
        }

        return this;
    }
}
