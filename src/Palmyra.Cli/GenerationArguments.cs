using System.CommandLine;
using System.Globalization;
using Palmyra.Generation;
using Palmyra.Generation.Sampling;

namespace Palmyra.Cli;

/// <summary>Every generation option on the command line, under transformers' name; what is not given keeps the model's own default.</summary>
internal sealed class GenerationArguments
{
    private readonly List<Option> _all = [];
    private readonly List<Option> _samplingOnly = [];

    private readonly Option<int?> _maxNewTokens, _maxLength, _minLength, _minNewTokens, _numBeams, _numReturnSequences, _topK;
    private readonly Option<int?> _noRepeatNgramSize, _encoderNoRepeatNgramSize, _forcedBosTokenId, _bosTokenId, _topLogProbs;
    private readonly Option<bool?> _doSample, _removeInvalidValues, _renormalizeLogits, _useCache;
    private readonly Option<float?> _temperature, _topP, _minP, _typicalP, _epsilonCutoff, _etaCutoff;
    private readonly Option<float?> _repetitionPenalty, _encoderRepetitionPenalty, _lengthPenalty;
    private readonly Option<double?> _maxTime;
    private readonly Option<ulong?> _seed;
    private readonly Option<string?> _suppressTokens, _beginSuppressTokens, _forcedEosTokenId, _eosTokenId, _decay;
    private readonly Option<string?> _earlyStopping, _contextOverflow, _filterOrder;
    private readonly Option<string[]> _badWordsIds, _sequenceBias, _stopStrings;

    public GenerationArguments()
    {
        _maxNewTokens = Value<int?>(
            "--max-new-tokens", $"New tokens at most; {DefaultNewTokens} or what the context leaves, unless the model says otherwise.", "N");
        _maxLength = Value<int?>("--max-length", "Prompt and new tokens together at most.", "N");
        _minLength = Value<int?>("--min-length", "No end before prompt and new tokens reach this length.", "N");
        _minNewTokens = Value<int?>("--min-new-tokens", "No end before this many new tokens.", "N");
        _doSample = Value<bool?>("--do-sample", "Draw tokens at random; otherwise the most probable one is taken.", "true|false");
        _seed = Value<ulong?>("--seed", "Chooses the random numbers: the same seed gives the same text.", "N");
        _temperature = Sampling<float?>("--temperature", "Logits are divided by it.", "X");
        _topK = Sampling<int?>("--top-k", "Only the k most probable tokens stay; 0 keeps all.", "K");
        _topP = Sampling<float?>("--top-p", "The most probable tokens that together have this mass stay.", "P");
        _minP = Sampling<float?>("--min-p", "Tokens below this share of the most probable one's probability go.", "P");
        _typicalP = Sampling<float?>("--typical-p", "The tokens nearest the expected surprise stay, up to this mass.", "P");
        _epsilonCutoff = Sampling<float?>("--epsilon-cutoff", "Tokens less probable than this go.", "P");
        _etaCutoff = Sampling<float?>("--eta-cutoff", "As --epsilon-cutoff, lower where the model is unsure.", "P");
        _filterOrder = Words(
            "--filter-order", "Whose order and rules the sampling filters follow.", "transformers", "mesh-transformer-jax", "openai", "megatron");
        _samplingOnly.Add(_filterOrder);
        _repetitionPenalty = Value<float?>("--repetition-penalty", "Makes tokens that occurred less likely, above 1.", "X");
        _encoderRepetitionPenalty = Value<float?>("--encoder-repetition-penalty", "Makes the prompt's tokens more likely, above 1.", "X");
        _noRepeatNgramSize = Value<int?>("--no-repeat-ngram-size", "No run of this many tokens occurs twice.", "N");
        _encoderNoRepeatNgramSize = Value<int?>(
            "--encoder-no-repeat-ngram-size", "No run of this many tokens of the prompt occurs again.", "N");
        _badWordsIds = Many("--bad-words-ids", "Token ids that must not follow each other; may be given several times.", "IDS");
        _sequenceBias = Many(
            "--sequence-bias", "Token ids made more or less likely, as 12,34=-2.5; may be given several times.", "IDS=BIAS");
        _suppressTokens = Value<string?>("--suppress-tokens", "Token ids that never occur.", "IDS");
        _beginSuppressTokens = Value<string?>("--begin-suppress-tokens", "Token ids that the text does not begin with.", "IDS");
        _forcedBosTokenId = Value<int?>("--forced-bos-token-id", "The token after a prompt of one token.", "ID");
        _forcedEosTokenId = Value<string?>("--forced-eos-token-id", "The token at the largest length: any of these.", "IDS");
        _removeInvalidValues = Value<bool?>(
            "--remove-invalid-values", "Replace logits that are no numbers instead of failing.", "true|false");
        _decay = Value<string?>(
            "--exponential-decay-length-penalty", "Makes the end ever more likely after START new tokens.", "START,FACTOR");
        _renormalizeLogits = Value<bool?>("--renormalize-logits", "Log-softmax scores again after processing.", "true|false");
        _numBeams = Value<int?>("--num-beams", "More than 1 means beam search.", "N");
        _numReturnSequences = Value<int?>("--num-return-sequences", "Texts to return: samples, or the best beams.", "N");
        _lengthPenalty = Value<float?>("--length-penalty", "Beam scores are divided by length to this power.", "X");
        _earlyStopping = Words("--early-stopping", "When beam search stops.", "false", "true", "never");
        _stopStrings = Many("--stop-strings", "A text that ends the sequence; may be given several times.", "TEXT");
        _maxTime = Value<double?>("--max-time", "Seconds after which the sequence ends.", "SECONDS");
        _eosTokenId = Value<string?>("--eos-token-id", "Token ids that end a sequence; 'none' for none.", "IDS");
        _bosTokenId = Value<int?>("--bos-token-id", "What an empty prompt is replaced by.", "ID");
        _useCache = Value<bool?>("--use-cache", "Keep keys and values; without, results are the same and slower.", "true|false");
        _contextOverflow = Words("--context-overflow", "What happens beyond the model's context.", "error", "sliding-window");
        _topLogProbs = Value<int?>("--top-log-probs", "With --json, report this many most probable tokens at each step.", "N");
    }

    /// <summary>New tokens where neither the user nor the model says how many: what transformers' pipeline takes.</summary>
    public const int DefaultNewTokens = 256;

    public void AddTo(Command command) => _all.ForEach(command.Add);

    /// <summary>Lays what was given over a model's defaults.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="defaults">The model's own.</param>
    /// <param name="room">Tokens the context has left after the prompt.</param>
    public GenerationOptions Bind(ParseResult parsed, GenerationOptions defaults, int room)
    {
        int? maxLength = parsed.GetValue(_maxLength);
        int? maxNewTokens = parsed.GetValue(_maxNewTokens) ?? (maxLength is null ? defaults.MaxNewTokens : null);
        maxLength ??= parsed.GetValue(_maxNewTokens) is null ? defaults.MaxLength : null;
        bool sliding = parsed.GetValue(_contextOverflow) == "sliding-window";
        if (maxNewTokens is null && maxLength is null)
        {
            maxNewTokens = sliding ? DefaultNewTokens : Math.Clamp(DefaultNewTokens, 1, Math.Max(1, room));
        }

        GenerationOptions options = defaults with
        {
            MaxNewTokens = maxNewTokens,
            MaxLength = maxLength,
            MinLength = parsed.GetValue(_minLength) ?? defaults.MinLength,
            MinNewTokens = parsed.GetValue(_minNewTokens) ?? defaults.MinNewTokens,
            DoSample = parsed.GetValue(_doSample) ?? defaults.DoSample,
            Seed = parsed.GetValue(_seed) ?? defaults.Seed,
            Temperature = parsed.GetValue(_temperature) ?? defaults.Temperature,
            TopK = parsed.GetValue(_topK) ?? defaults.TopK,
            TopP = parsed.GetValue(_topP) ?? defaults.TopP,
            MinP = parsed.GetValue(_minP) ?? defaults.MinP,
            TypicalP = parsed.GetValue(_typicalP) ?? defaults.TypicalP,
            EpsilonCutoff = parsed.GetValue(_epsilonCutoff) ?? defaults.EpsilonCutoff,
            EtaCutoff = parsed.GetValue(_etaCutoff) ?? defaults.EtaCutoff,
            FilterOrder = parsed.GetValue(_filterOrder) switch
            {
                "mesh-transformer-jax" => FilterOrder.MeshTransformerJax,
                "openai" => FilterOrder.OpenAI,
                "megatron" => FilterOrder.Megatron,
                _ => defaults.FilterOrder,
            },
            RepetitionPenalty = parsed.GetValue(_repetitionPenalty) ?? defaults.RepetitionPenalty,
            EncoderRepetitionPenalty = parsed.GetValue(_encoderRepetitionPenalty) ?? defaults.EncoderRepetitionPenalty,
            NoRepeatNgramSize = parsed.GetValue(_noRepeatNgramSize) ?? defaults.NoRepeatNgramSize,
            EncoderNoRepeatNgramSize = parsed.GetValue(_encoderNoRepeatNgramSize) ?? defaults.EncoderNoRepeatNgramSize,
            BadWordsIds = parsed.GetValue(_badWordsIds) is { Length: > 0 } words
                ? [.. words.Select(word => IdList.Parse(word, "--bad-words-ids"))]
                : defaults.BadWordsIds,
            SequenceBias = parsed.GetValue(_sequenceBias) is { Length: > 0 } biases ? [.. biases.Select(Bias)] : defaults.SequenceBias,
            SuppressTokens = Ids(parsed, _suppressTokens) ?? defaults.SuppressTokens,
            BeginSuppressTokens = Ids(parsed, _beginSuppressTokens) ?? defaults.BeginSuppressTokens,
            ForcedBosTokenId = parsed.GetValue(_forcedBosTokenId) ?? defaults.ForcedBosTokenId,
            ForcedEosTokenId = Ids(parsed, _forcedEosTokenId) ?? defaults.ForcedEosTokenId,
            RemoveInvalidValues = parsed.GetValue(_removeInvalidValues) ?? defaults.RemoveInvalidValues,
            ExponentialDecayLengthPenalty = parsed.GetValue(_decay) is string decay ? Decay(decay) : defaults.ExponentialDecayLengthPenalty,
            RenormalizeLogits = parsed.GetValue(_renormalizeLogits) ?? defaults.RenormalizeLogits,
            NumBeams = parsed.GetValue(_numBeams) ?? defaults.NumBeams,
            NumReturnSequences = parsed.GetValue(_numReturnSequences) ?? defaults.NumReturnSequences,
            LengthPenalty = parsed.GetValue(_lengthPenalty) ?? defaults.LengthPenalty,
            EarlyStopping = parsed.GetValue(_earlyStopping) switch
            {
                "true" => EarlyStopping.WhenEnough,
                "never" => EarlyStopping.Never,
                "false" => EarlyStopping.Heuristic,
                _ => defaults.EarlyStopping,
            },
            StopStrings = parsed.GetValue(_stopStrings) is { Length: > 0 } stops ? stops : defaults.StopStrings,
            MaxTime = parsed.GetValue(_maxTime) is double seconds ? Seconds(seconds) : defaults.MaxTime,
            EosTokenIds = parsed.GetValue(_eosTokenId) == "none" ? [] : Ids(parsed, _eosTokenId) ?? defaults.EosTokenIds,
            BosTokenId = parsed.GetValue(_bosTokenId) ?? defaults.BosTokenId,
            UseCache = parsed.GetValue(_useCache) ?? defaults.UseCache,
            ContextOverflow = sliding ? ContextOverflow.SlidingWindow : defaults.ContextOverflow,
            TopLogProbabilities = parsed.GetValue(_topLogProbs) ?? defaults.TopLogProbabilities,
        };
        if (!options.DoSample && _samplingOnly.Find(option => parsed.GetResult(option) is { Implicit: false }) is Option idle)
        {
            throw new UsageException($"{idle.Name} has no effect on the most probable text; add --do-sample to draw tokens.");
        }

        return options;
    }

    private Option<T> Value<T>(string name, string description, string help)
    {
        Option<T> option = CommandOption.Value<T>(name, description, help);
        _all.Add(option);
        return option;
    }

    private Option<T> Sampling<T>(string name, string description, string help)
    {
        Option<T> option = Value<T>(name, description, help);
        _samplingOnly.Add(option);
        return option;
    }

    private Option<string[]> Many(string name, string description, string help) => Value<string[]>(name, description, help);

    private Option<string?> Words(string name, string description, params string[] words)
    {
        Option<string?> option = Value<string?>(name, description, string.Empty);
        CommandOption.AcceptOnly(option, words);
        return option;
    }

    private static int[]? Ids(ParseResult parsed, Option<string?> option) =>
        parsed.GetValue(option) is string text ? IdList.Parse(text, option.Name) : null;

    private static SequenceBias Bias(string text)
    {
        int split = text.LastIndexOf('=');
        return split > 0 && float.TryParse(text.AsSpan(split + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out float bias)
            ? new SequenceBias(IdList.Parse(text[..split], "--sequence-bias"), bias)
            : throw new UsageException($"--sequence-bias was expected to be ids and a number, such as 12,34=-2.5; found '{text}'.");
    }

    private static LengthDecay Decay(string text)
    {
        string[] parts = text.Split(',');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int start)
            && float.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out float factor)
            ? new LengthDecay(start, factor)
            : throw new UsageException(
                $"--exponential-decay-length-penalty was expected to be START,FACTOR such as 20,1.05; found '{text}'.");
    }

    private static TimeSpan Seconds(double seconds) => seconds > 0 && seconds <= TimeSpan.MaxValue.TotalSeconds / 2
        ? TimeSpan.FromSeconds(seconds)
        : throw new UsageException(
            $"--max-time was expected to be a positive number of seconds; found {seconds.ToString(CultureInfo.InvariantCulture)}.");
}
