namespace Palmyra.Models;

/// <summary>The names and shapes of a model's tensors in its family's checkpoints: the one home of these facts.</summary>
/// <remarks>Loading, saving, counting parameters and fresh initialisation all read this list.</remarks>
public sealed class WeightMap
{
    /// <summary>What checkpoints of models with a head put before every name but the head's. Base-model files leave it out.</summary>
    public const string Prefix = "transformer.";

    private static readonly string[] Buffers =
    [
        ".attn.bias", ".attn.masked_bias", ".attn.embed_positions",
        ".attn.attention.bias", ".attn.attention.masked_bias",
    ];

    /// <summary>Lists the tensors of a model.</summary>
    public WeightMap(ModelConfig config)
    {
        Tokens = Matrix("transformer.wte.weight", config.VocabularySize, config.Width);
        Positions = config.LearnedPositions ? Matrix("transformer.wpe.weight", config.ContextLength, config.Width) : null;
        Blocks = [.. Enumerable.Range(0, config.Layers).Select(layer => BlockOf(config, $"transformer.h.{layer}."))];
        NormGain = Gain("transformer.ln_f.weight", config.Width);
        NormBias = Bias("transformer.ln_f.bias", config.Width);
        Head = config.TieWordEmbeddings ? null : Matrix("lm_head.weight", config.VocabularySize, config.Width);
        HeadBias = config.Family == ModelFamily.GptJ ? Bias("lm_head.bias", config.VocabularySize) : null;
    }

    /// <summary>Token embedding.</summary>
    public WeightEntry Tokens { get; }

    /// <summary>Position embedding, if there is one.</summary>
    public WeightEntry? Positions { get; }

    /// <summary>The layers' tensors.</summary>
    public IReadOnlyList<BlockEntries> Blocks { get; }

    /// <summary>The last norm's gain.</summary>
    public WeightEntry NormGain { get; }

    /// <summary>The last norm's bias.</summary>
    public WeightEntry NormBias { get; }

    /// <summary>The head, unless it is the token embedding.</summary>
    public WeightEntry? Head { get; }

    /// <summary>The head's bias, if there is one.</summary>
    public WeightEntry? HeadBias { get; }

    /// <summary>Every tensor, in the order a checkpoint is written.</summary>
    public IEnumerable<WeightEntry> All =>
        new[] { Tokens, Positions }
            .Concat(Blocks.SelectMany(block => block.All))
            .Concat([NormGain, NormBias, Head, HeadBias])
            .OfType<WeightEntry>();

    /// <summary>Every matrix, in the order a checkpoint is written.</summary>
    public IEnumerable<MatrixEntries> Matrices =>
        new[] { Of(MatrixRole.Tokens, Tokens), Of(MatrixRole.Positions, Positions) }
            .Concat(Blocks.SelectMany(block => block.Matrices))
            .Append(Of(MatrixRole.Head, Head))
            .OfType<MatrixEntries>();

    /// <summary>Every gain and bias, in the order a checkpoint is written.</summary>
    public IEnumerable<WeightEntry> Vectors => All.Where(entry => entry.IsVector);

    /// <summary>The number of parameters: what transformers' <c>num_parameters()</c> says.</summary>
    public long ParameterCount => All.Sum(entry => entry.Count);

    /// <summary>Whether a tensor of this name may be present and is not needed: attention masks and a tied head's copy.</summary>
    /// <param name="name">The name in the file.</param>
    public bool IsIgnorable(string name) =>
        Array.Exists(Buffers, buffer => name.EndsWith(buffer, StringComparison.Ordinal)) || (Head is null && name == "lm_head.weight");

    private static MatrixEntries? Of(MatrixRole role, WeightEntry? entry) => entry is null ? null : new MatrixEntries(role, [entry]);

    private static BlockEntries BlockOf(ModelConfig config, string at)
    {
        (int width, int hidden) = (config.Width, config.HiddenWidth);
        return config.Family switch
        {
            ModelFamily.Gpt2 => new BlockEntries
            {
                Norm1Gain = Gain(at + "ln_1.weight", width),
                Norm1Bias = Bias(at + "ln_1.bias", width),
                Qkv = [Conv1D(at + "attn.c_attn.weight", 3 * width, width)],
                QkvBias = Bias(at + "attn.c_attn.bias", 3 * width),
                Out = Conv1D(at + "attn.c_proj.weight", width, width, WeightInitialization.NormalOverDepth),
                OutBias = Bias(at + "attn.c_proj.bias", width),
                Norm2Gain = Gain(at + "ln_2.weight", width),
                Norm2Bias = Bias(at + "ln_2.bias", width),
                Up = Conv1D(at + "mlp.c_fc.weight", hidden, width),
                UpBias = Bias(at + "mlp.c_fc.bias", hidden),
                Down = Conv1D(at + "mlp.c_proj.weight", width, hidden, WeightInitialization.NormalOverDepth),
                DownBias = Bias(at + "mlp.c_proj.bias", width),
            },
            ModelFamily.GptNeo => new BlockEntries
            {
                Norm1Gain = Gain(at + "ln_1.weight", width),
                Norm1Bias = Bias(at + "ln_1.bias", width),
                Qkv =
                [
                    Matrix(at + "attn.attention.q_proj.weight", width, width),
                    Matrix(at + "attn.attention.k_proj.weight", width, width),
                    Matrix(at + "attn.attention.v_proj.weight", width, width),
                ],
                Out = Matrix(at + "attn.attention.out_proj.weight", width, width),
                OutBias = Bias(at + "attn.attention.out_proj.bias", width),
                Norm2Gain = Gain(at + "ln_2.weight", width),
                Norm2Bias = Bias(at + "ln_2.bias", width),
                Up = Matrix(at + "mlp.c_fc.weight", hidden, width),
                UpBias = Bias(at + "mlp.c_fc.bias", hidden),
                Down = Matrix(at + "mlp.c_proj.weight", width, hidden),
                DownBias = Bias(at + "mlp.c_proj.bias", width),
            },
            _ => new BlockEntries
            {
                Norm1Gain = Gain(at + "ln_1.weight", width),
                Norm1Bias = Bias(at + "ln_1.bias", width),
                Qkv =
                [
                    Matrix(at + "attn.q_proj.weight", width, width),
                    Matrix(at + "attn.k_proj.weight", width, width),
                    Matrix(at + "attn.v_proj.weight", width, width),
                ],
                Out = Matrix(at + "attn.out_proj.weight", width, width),
                Up = Matrix(at + "mlp.fc_in.weight", hidden, width),
                UpBias = Bias(at + "mlp.fc_in.bias", hidden),
                Down = Matrix(at + "mlp.fc_out.weight", width, hidden),
                DownBias = Bias(at + "mlp.fc_out.bias", width),
            },
        };
    }

    private static WeightEntry Matrix(string name, int rows, int cols) =>
        new(name, rows, cols, IsVector: false, Transposed: false, WeightInitialization.Normal);

    private static WeightEntry Conv1D(string name, int rows, int cols, WeightInitialization initialization = WeightInitialization.Normal) =>
        new(name, rows, cols, IsVector: false, Transposed: true, initialization);

    private static WeightEntry Gain(string name, int length) =>
        new(name, 1, length, IsVector: true, Transposed: false, WeightInitialization.One);

    private static WeightEntry Bias(string name, int length) =>
        new(name, 1, length, IsVector: true, Transposed: false, WeightInitialization.Zero);
}
