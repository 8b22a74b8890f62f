using Palmyra.Backends;
using Palmyra.Diagnostics;

namespace Palmyra.Generation.Sampling;

/// <summary>All steps between logits and the choice of a token, in their order: the one home of that order.</summary>
/// <remarks>
/// Processors come in transformers' order whatever the <see cref="FilterOrder"/>, then, when sampling, the filters, then
/// <c>renormalize_logits</c>. Steps reuse their memory, so one pipeline serves one thread.
/// </remarks>
public sealed class LogitsPipeline
{
    private readonly List<ILogitsProcessor> _processors = [];
    private readonly List<ILogitsProcessor> _filters = [];
    private readonly RankedTokens _ranked = new();
    private readonly Probabilities _probabilities = new();
    private readonly bool _mayForbidAll;

    /// <summary>Builds the steps that options ask for.</summary>
    /// <param name="options">Validated options.</param>
    /// <param name="endTokens">The tokens that end a sequence.</param>
    public LogitsPipeline(GenerationOptions options, IReadOnlyList<int> endTokens)
    {
        // A list of end tokens may name one twice; what makes an end token likelier must count it once.
        AddProcessors(options, [.. endTokens.Distinct()]);
        _mayForbidAll = options.NumBeams > 1;
        if (options.DoSample)
        {
            AddFilters(options, options.NumBeams > 1 ? Math.Max(2, endTokens.Count + 1) : 1);
        }

        if (options.RenormalizeLogits)
        {
            _filters.Add(new RenormalizeProcessor());
        }

        if (_processors.Count == 0 && options.NumBeams == 1)
        {
            Reach = !options.DoSample && _filters.Count == 0 ? 1 : FirstTopK()?.Reach;
        }
    }

    /// <summary>How many of the largest logits decide, but for ties (<see cref="DecideAlone"/>); null where any logit may matter.</summary>
    /// <remarks>
    /// One without a step in greedy search; those that top-k keeps, if it comes first. All further filters only look at what is left: given
    /// the kept logits in the order of ids, without those between, <see cref="Process"/> computes the same numbers from the same ones.
    /// </remarks>
    internal int? Reach { get; }

    /// <summary>Whether the largest logits decide: where ties stay, what top-k keeps must not go beyond them.</summary>
    /// <param name="largest"><see cref="Reach"/> logits in falling order, the first of them finite.</param>
    internal bool DecideAlone(ReadOnlySpan<float> largest)
    {
        if (FirstTopK() is not { } topK || largest.Length < 2)
        {
            return true;
        }

        // Temperature may make different logits equal, and looks at the largest.
        Span<float> edge = [largest[0], largest[^2], largest[^1]];
        for (int i = 0; _filters[i] != topK; i++)
        {
            _filters[i].Process([], edge, default);
        }

        return topK.StaysWithin(edge);
    }

    /// <summary>Runs all steps.</summary>
    /// <param name="tokens">Prompt and generated tokens so far.</param>
    /// <param name="logits">V numbers, changed in place.</param>
    /// <param name="context">What else is known about the sequence.</param>
    /// <exception cref="GenerationException">
    /// A logit is NaN or +∞, or every token is forbidden; the latter is no error with beams, as others may go on where one cannot.
    /// </exception>
    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        foreach (ILogitsProcessor processor in _processors)
        {
            processor.Process(tokens, logits, context);
        }

        if (!HasChoice(logits, tokens.Length))
        {
            return;
        }

        foreach (ILogitsProcessor filter in _filters)
        {
            filter.Process(tokens, logits, context);
        }
    }

    // Top-k, if nothing but temperature comes before it.
    private TopKFilter? FirstTopK()
    {
        int first = _filters.Count > 0 && _filters[0] is TemperatureFilter ? 1 : 0;
        return first < _filters.Count ? _filters[first] as TopKFilter : null;
    }

    private void AddProcessors(GenerationOptions options, int[] endTokens)
    {
        if (options.SequenceBias.Count > 0)
        {
            _processors.Add(new SequenceBiasProcessor(options.SequenceBias));
        }

        if (options.EncoderRepetitionPenalty != 1)
        {
            _processors.Add(new RepetitionPenaltyProcessor(1 / options.EncoderRepetitionPenalty, promptOnly: true));
        }

        if (options.RepetitionPenalty != 1)
        {
            _processors.Add(new RepetitionPenaltyProcessor(options.RepetitionPenalty, promptOnly: false));
        }

        if (options.NoRepeatNgramSize > 0)
        {
            _processors.Add(new NoRepeatNgramProcessor(options.NoRepeatNgramSize, promptOnly: false));
        }

        if (options.EncoderNoRepeatNgramSize > 0)
        {
            _processors.Add(new NoRepeatNgramProcessor(options.EncoderNoRepeatNgramSize, promptOnly: true));
        }

        // An end token by itself is exempt: transformers drops it from the list.
        SequenceBias[] badWords =
        [
            .. options.BadWordsIds
                .Where(word => word.Count > 1 || !endTokens.Contains(word[0]))
                .Select(word => new SequenceBias(word, float.NegativeInfinity)),
        ];
        if (badWords.Length > 0)
        {
            _processors.Add(new SequenceBiasProcessor(badWords));
        }

        if (options.MinLength > 0 && endTokens.Length > 0)
        {
            _processors.Add(new MinLengthProcessor(options.MinLength, newTokensOnly: false, endTokens));
        }

        if (options.MinNewTokens > 0 && endTokens.Length > 0)
        {
            _processors.Add(new MinLengthProcessor(options.MinNewTokens, newTokensOnly: true, endTokens));
        }

        if (options.PrefixAllowedTokens is { } allowed)
        {
            _processors.Add(new PrefixAllowedTokensProcessor(allowed));
        }

        if (options.ForcedBosTokenId is { } bos)
        {
            _processors.Add(new ForcedTokenProcessor([bos], atEnd: false));
        }

        if (options.ForcedEosTokenId.Count > 0)
        {
            _processors.Add(new ForcedTokenProcessor([.. options.ForcedEosTokenId], atEnd: true));
        }

        if (options.RemoveInvalidValues)
        {
            _processors.Add(new RemoveInvalidValuesProcessor());
        }

        if (options.ExponentialDecayLengthPenalty is { } decay)
        {
            _processors.Add(new LengthDecayProcessor(decay, endTokens));
        }

        if (options.SuppressTokens.Count > 0)
        {
            _processors.Add(new SuppressTokensProcessor([.. options.SuppressTokens], atBeginOnly: false, afterForced: false));
        }

        if (options.BeginSuppressTokens.Count > 0)
        {
            bool afterForced = options.ForcedBosTokenId is not null;
            _processors.Add(new SuppressTokensProcessor([.. options.BeginSuppressTokens], atBeginOnly: true, afterForced));
        }

        _processors.AddRange(options.LogitsProcessors);
    }

    private void AddFilters(GenerationOptions options, int least)
    {
        switch (options.FilterOrder)
        {
            case FilterOrder.MeshTransformerJax:
                // Both cut the same descending order, so top-p first lets both see the raw logits.
                TopP(TopPRule.Shifted);
                TopK(keepTies: false);
                Rest();
                Temperature();
                break;
            case FilterOrder.OpenAI:
                Temperature();
                TopK(keepTies: true);
                TopP(TopPRule.Inclusive);
                Rest();
                break;
            case FilterOrder.Megatron when options.TopP < 1:
                Temperature();
                TopP(TopPRule.Shifted);
                Rest();
                break;
            default:
                Temperature();
                TopK(keepTies: true);
                TopP(TopPRule.Transformers);
                Rest();
                break;
        }

        void Temperature()
        {
            if (options.Temperature != 1)
            {
                _filters.Add(new TemperatureFilter(options.Temperature));
            }
        }

        void TopK(bool keepTies)
        {
            if (options.TopK > 0)
            {
                _filters.Add(new TopKFilter(Math.Max(options.TopK, least), keepTies, _ranked));
            }
        }

        void TopP(TopPRule rule)
        {
            if (options.TopP < 1)
            {
                _filters.Add(new TopPFilter(options.TopP, rule, least, _ranked));
            }
        }

        void Rest()
        {
            if (options.MinP is > 0)
            {
                _filters.Add(new MinPFilter(options.MinP.Value, least, _ranked));
            }

            if (options.TypicalP < 1)
            {
                _filters.Add(new TypicalFilter(options.TypicalP, least, _probabilities));
            }

            if (options.EpsilonCutoff > 0)
            {
                _filters.Add(new CutoffFilter(options.EpsilonCutoff, byEntropy: false, least, _probabilities, _ranked));
            }

            if (options.EtaCutoff > 0)
            {
                _filters.Add(new CutoffFilter(options.EtaCutoff, byEntropy: true, least, _probabilities, _ranked));
            }
        }
    }

    private bool HasChoice(ReadOnlySpan<float> logits, int length)
    {
        bool any = false;
        foreach (float logit in logits)
        {
            if (float.IsNaN(logit) || float.IsPositiveInfinity(logit))
            {
                throw new GenerationException(
                    $"The logits after {length} tokens contain {logit}; the weights or their number format overflow: "
                        + "load them as f32, or set remove_invalid_values.");
            }

            any |= logit > float.NegativeInfinity;
        }

        return any || _mayForbidAll ? any
            : throw new GenerationException($"The options forbid every token after {length} tokens; allow at least one.");
    }
}
