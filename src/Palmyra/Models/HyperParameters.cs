using System.Globalization;
using Palmyra.Backends;

namespace Palmyra.Models;

/// <summary>The hyper-parameter table as the model cards of this family print it: names, words and numbers, from the configuration alone.</summary>
public sealed class HyperParameters
{
    /// <summary>The shards GPT-J-6B was trained over, which its card counts parameters by.</summary>
    public const int CardShards = 8;

    private readonly ModelConfig _config;

    /// <summary>The table of a model that can be run.</summary>
    /// <param name="config">Its configuration.</param>
    public HyperParameters(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        Parameters = new ModelSize(config).Parameters;
        HeadDim = config.HeadDim;
        PositionEncoding = config.LearnedPositions ? "learned" : "rotary (RoPE)";
    }

    /// <summary>The table of a model as it was published, which may be one that cannot be run.</summary>
    /// <param name="preset">The model.</param>
    public HyperParameters(ModelPreset preset)
        : this((preset ?? throw new ArgumentNullException(nameof(preset))).Published)
    {
        Parameters = preset.ParameterCount;
        HeadDim = preset.PublishedHeadDim;
        PositionEncoding = preset.ComputedPositions ? "sinusoidal" : PositionEncoding;
    }

    /// <summary>All parameters N.</summary>
    public long Parameters { get; }

    /// <summary>The width of a head.</summary>
    public int HeadDim { get; }

    /// <summary>How positions enter: learned, rotary (RoPE) or sinusoidal.</summary>
    public string PositionEncoding { get; }

    /// <summary>The family as <c>model_type</c> names it: gpt2, gpt_neo or gptj.</summary>
    public string Family => _config.Family switch
    {
        ModelFamily.Gpt2 => "gpt2",
        ModelFamily.GptNeo => "gpt_neo",
        _ => "gptj",
    };

    /// <summary>The family as people write it: GPT-2, GPT-Neo or GPT-J.</summary>
    public string FamilyTitle => _config.Family switch
    {
        ModelFamily.Gpt2 => "GPT-2",
        ModelFamily.GptNeo => "GPT-Neo",
        _ => "GPT-J",
    };

    /// <summary>The feed-forward's activation, as configurations name it.</summary>
    public string Activation => _config.Activation switch
    {
        Backends.Activation.GeluTanh => "gelu_new (tanh)",
        Backends.Activation.GeluErf => "gelu (erf)",
        Backends.Activation.QuickGelu => "quick_gelu",
        _ => _config.Activation.ToString().ToLowerInvariant(),
    };

    /// <summary>Which tokens a layer sees.</summary>
    public string Attention
    {
        get
        {
            int local = _config.Windows.Count(window => window > 0);
            return local == 0 ? "global" : string.Create(
                CultureInfo.InvariantCulture, $"{local} of {_config.Layers} layers local, window {_config.Windows.Max()}");
        }
    }

    /// <summary>Where logits come from.</summary>
    public string Head => _config.TieWordEmbeddings ? "tied to the embedding"
        : _config.Family == ModelFamily.GptJ ? "its own matrix, with bias" : "its own matrix";

    /// <summary>The rows, in the order the cards have them.</summary>
    public IReadOnlyList<HyperParameter> Rows =>
    [
        new("family", Family),
        new("n_parameters", Count(Parameters)),
        new("n_layers", Count(_config.Layers)),
        new("d_model", Count(_config.Width)),
        new("d_ff", Count(_config.HiddenWidth)),
        new("n_heads", Count(_config.Heads)),
        new("d_head", Count(HeadDim)),
        new("n_ctx", Count(_config.ContextLength)),
        new("n_vocab", Count(_config.VocabularySize)),
        new("position encoding", PositionEncoding),
        new("RoPE dimensions", _config.RotaryDims == 0 ? "none" : Count(_config.RotaryDims)),
        new("activation", Activation),
        new("attention", Attention),
        new("head", Head),
    ];

    private static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
