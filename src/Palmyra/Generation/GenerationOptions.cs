using Palmyra.Generation.Sampling;

namespace Palmyra.Generation;

/// <summary>How to generate: transformers' <c>GenerationConfig</c>, with its names in C# spelling and its defaults.</summary>
/// <remarks>
/// Options are values: <c>model.GenerationDefaults with { DoSample = true, Temperature = 0.7f }</c> states what a call wants beyond the
/// model's own defaults. What only matters for sampling (<see cref="Temperature"/> to <see cref="EtaCutoff"/>) is ignored without
/// <see cref="DoSample"/>, as in transformers.
/// </remarks>
public sealed partial record GenerationOptions
{
    /// <summary>New tokens at most; wins over <see cref="MaxLength"/>. With neither set, 20 new tokens or what the context leaves.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Prompt and new tokens together at most.</summary>
    public int? MaxLength { get; init; }

    /// <summary>No end token before prompt and new tokens reach this length. Default 0.</summary>
    public int MinLength { get; init; }

    /// <summary>No end token before this many new tokens. Default 0.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>Whether tokens are drawn at random; otherwise the most probable one is taken (the lowest id on ties).</summary>
    public bool DoSample { get; init; }

    /// <summary>Beams; more than 1 means beam search, or beam sampling with <see cref="DoSample"/>.</summary>
    public int NumBeams { get; init; } = 1;

    /// <summary>Texts for each prompt: samples, or the best finished beams.</summary>
    public int NumReturnSequences { get; init; } = 1;

    /// <summary>Logits are divided by it; more than 0.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Only the k most probable tokens (and ties of the last) stay; 0 keeps all. Default 50, as in transformers.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>The smallest set of most probable tokens with this mass stays (nucleus sampling, arXiv:1904.09751); in (0, 1].</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Tokens less probable than this share of the most probable one's probability go; in [0, 1], null for off.</summary>
    public float? MinP { get; init; }

    /// <summary>Keeps the tokens whose surprise is nearest the entropy, up to this mass (arXiv:2202.00666); in (0, 1], 1 for off.</summary>
    public float TypicalP { get; init; } = 1;

    /// <summary>Tokens less probable than this go (arXiv:2210.15191); in [0, 1), 0 for off.</summary>
    public float EpsilonCutoff { get; init; }

    /// <summary>Tokens less probable than min(η, √η·e^−entropy) go (arXiv:2210.15191); in [0, 1), 0 for off.</summary>
    public float EtaCutoff { get; init; }

    /// <summary>Tokens that occurred: a logit is divided by this if positive, multiplied if negative (arXiv:1909.05858); 1 for off.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>The inverse of <see cref="RepetitionPenalty"/> for the prompt's tokens: above 1 keeps close to the prompt.</summary>
    public float EncoderRepetitionPenalty { get; init; } = 1;

    /// <summary>No run of this many tokens occurs twice in prompt and text; 0 for off.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>No run of this many tokens of the prompt occurs in the text; 0 for off.</summary>
    public int EncoderNoRepeatNgramSize { get; init; }

    /// <summary>Token sequences that must not be completed.</summary>
    public IReadOnlyList<IReadOnlyList<int>> BadWordsIds { get; init; } = [];

    /// <summary>Token sequences made more or less likely.</summary>
    public IReadOnlyList<SequenceBias> SequenceBias { get; init; } = [];

    /// <summary>Tokens that never occur.</summary>
    public IReadOnlyList<int> SuppressTokens { get; init; } = [];

    /// <summary>Tokens that the text does not begin with.</summary>
    public IReadOnlyList<int> BeginSuppressTokens { get; init; } = [];

    /// <summary>The token after a prompt of one token.</summary>
    public int? ForcedBosTokenId { get; init; }

    /// <summary>The token at the largest length: any of these; empty for off.</summary>
    public IReadOnlyList<int> ForcedEosTokenId { get; init; } = [];

    /// <summary>Replaces NaN by 0 and infinities by the largest finite numbers instead of failing.</summary>
    public bool RemoveInvalidValues { get; init; }

    /// <summary>Makes the end token ever more likely, or null.</summary>
    public LengthDecay? ExponentialDecayLengthPenalty { get; init; }

    /// <summary>Beam scores are divided by length to this power; above 0 favours long texts.</summary>
    public float LengthPenalty { get; init; } = 1;

    /// <summary>When beam search stops.</summary>
    public EarlyStopping EarlyStopping { get; init; }

    /// <summary>Whether scores are log-softmaxed again after processing.</summary>
    public bool RenormalizeLogits { get; init; }

    /// <summary>Says which tokens may come next, or null.</summary>
    public AllowedTokens? PrefixAllowedTokens { get; init; }

    /// <summary>Texts that end a sequence. Looked for in generated text only, at whatever tokens they fall on; needs a tokenizer.</summary>
    /// <remarks>A beam finishes with one as with an end token, as in transformers since it treats every stopping rule alike (4.50).</remarks>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Time after which a sequence ends with the token at hand, or null.</summary>
    public TimeSpan? MaxTime { get; init; }

    /// <summary>Tokens that end a sequence: null for the model's own, empty for none.</summary>
    public IReadOnlyList<int>? EosTokenIds { get; init; }

    /// <summary>Fills finished rows of padded output: null for the model's own, else its first end token.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>What an empty prompt is replaced by: null for the model's own.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Whether keys and values are kept; without, each step reads the whole text again. Same results as with an F32 cache, slower.</summary>
    public bool UseCache { get; init; } = true;

    /// <summary>Chooses the random numbers; null draws a fresh one, reported in <see cref="GeneratedSequence.Seed"/>.</summary>
    /// <remarks>
    /// Each returned sequence of a prompt has its own stream, derived from the seed and the sequence's number within its prompt. What
    /// else is in the batch plays no part, so equal prompts under one seed give equal texts.
    /// </remarks>
    public ulong? Seed { get; init; }

    /// <summary>What happens beyond the model's context.</summary>
    public ContextOverflow ContextOverflow { get; init; }

    /// <summary>Whose order and rules the sampling filters follow.</summary>
    public FilterOrder FilterOrder { get; init; }

    /// <summary>Further steps, run after the built-in processors and before the sampling filters.</summary>
    public IReadOnlyList<ILogitsProcessor> LogitsProcessors { get; init; } = [];

    /// <summary>Reports this many most probable tokens with each generated one; 0 for none.</summary>
    public int TopLogProbabilities { get; init; }

    /// <summary>Whether raw logits [V] are returned with each token.</summary>
    public bool OutputLogits { get; init; }

    /// <summary>Whether scores [V] after all processing are returned with each token.</summary>
    public bool OutputScores { get; init; }

    /// <summary>Layers, 0 (embedding) to L (last norm), whose hidden state [C] is returned with each token.</summary>
    public IReadOnlyList<int> HiddenStateLayers { get; init; } = [];
}
