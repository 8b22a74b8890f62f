using Palmyra.Backends;
using Palmyra.Generation.Sampling;
using Palmyra.Models;

namespace Palmyra.Generation;

/// <summary>Greedy decoding and sampling: the prompt is run once, then each of its sequences goes its own way.</summary>
internal sealed class SamplingJob : GenerationJob
{
    private readonly GeneratedSequence[] _results;
    private readonly TokenChooser _chooser = new();
    private readonly RankedTokens _ranked = new();
    private float[] _raw = [];
    private float[] _prompted = [];

    // What decides, by id: the largest logits, their ids and their ranks.
    private readonly float[] _deciding = [];
    private readonly int[] _ids = [];
    private readonly int[] _ranks = [];
    private bool _forked;

    public SamplingJob(GenerationRequest request, ModelConfig config, Func<ITokenDecoder>? decoder, CancellationToken cancellation)
        : base(request, config, decoder, cancellation)
    {
        _results = new GeneratedSequence[Options.NumReturnSequences];
        if (Pipeline.Reach is { } reach && !Options.OutputLogits && !Options.OutputScores)
        {
            int needed = Math.Max(reach, Options.TopLogProbabilities);
            if (needed <= Math.Min(config.VocabularySize, IBackend.MostTop))
            {
                Largest = needed;
                _deciding = new float[reach];
                _ids = new int[reach];
                _ranks = new int[reach];
            }
        }
    }

    public override int Width => Options.NumReturnSequences;

    public override int? Largest { get; }

    public override void Advance(Sequence sequence, NextLogits next, PagePool pool)
    {
        if (!_forked && Width > 1)
        {
            // Choosing from all logits changes them.
            _prompted = next.All.ToArray();
            for (int number = 1; number < Width; number++)
            {
                Sequence fork = sequence.Fork(pool, number, StreamOf(number), NewText());
                Add(fork);
                Choose(fork, next, pool);
                _prompted.CopyTo(next.All);
            }
        }

        _forked = true;
        Choose(sequence, next, pool);
    }

    protected override Sequence First() => new(Prompt, this) { Random = StreamOf(0), Text = NewText() };

    protected override IReadOnlyList<GeneratedSequence> Results() => _results;

    private RandomStream? StreamOf(int number) => Seed is { } seed ? new RandomStream(seed, (ulong)number) : null;

    private void Choose(Sequence sequence, NextLogits next, PagePool pool)
    {
        (int token, float logProbability) = next.All.IsEmpty ? FromLargest(sequence, next.Largest) : FromAll(sequence, next.All);
        sequence.Append(token, logProbability);
        if (Options.HiddenStateLayers.Count > 0)
        {
            sequence.HiddenStates.Add(sequence.TakeStepHiddenStates());
        }

        FinishReason? reason = ReasonToStop(sequence, token);
        if (reason is not null and not FinishReason.StopString)
        {
            sequence.Text?.End();
        }

        string piece = Stream is null ? string.Empty : sequence.Text?.Take(ended: reason is not null) ?? string.Empty;
        if (reason is not null)
        {
            _results[sequence.Number] = sequence.Finish(reason.Value, sequence.Text?.Text, score: null);
            Close(sequence, pool);
        }

        Stream?.TryWrite(new GeneratedToken(sequence.Number, token, logProbability, piece, reason is null ? null : _results[sequence.Number]));
    }

    private TokenProbability FromAll(Sequence sequence, Span<float> logits)
    {
        if (_raw.Length < logits.Length)
        {
            _raw = new float[logits.Length];
        }

        logits.CopyTo(_raw);
        double logSum = LogSumExp.Of(logits);
        Pipeline.Process(sequence.Tokens, logits, Context);
        int token = Choose(sequence, logits);
        if (Options.OutputLogits)
        {
            sequence.Logits.Add(_raw[..logits.Length]);
        }

        if (Options.OutputScores)
        {
            sequence.Scores.Add(logits.ToArray());
        }

        if (Options.TopLogProbabilities > 0)
        {
            _ranked.Load(_raw.AsSpan(0, logits.Length), Options.TopLogProbabilities);
            ReadOnlySpan<ulong> top = _ranked.Top(Options.TopLogProbabilities);
            var best = new TokenProbability[top.Length];
            for (int i = 0; i < top.Length; i++)
            {
                best[i] = new TokenProbability(RankedTokens.Id(top[i]), (float)(RankedTokens.Logit(top[i]) - logSum));
            }

            sequence.TopLogProbabilities.Add(best);
        }

        return new TokenProbability(token, (float)(_raw[token] - logSum));
    }

    // As if the others were forbidden: those that decide, in the order of ids, so that the same numbers are added in the same order.
    private TokenProbability FromLargest(Sequence sequence, LargestLogits largest)
    {
        for (int rank = 0; rank < _ranks.Length; rank++)
        {
            (_ids[rank], _ranks[rank]) = (largest.Id(rank), rank);
        }

        _ids.AsSpan().Sort(_ranks.AsSpan());
        for (int i = 0; i < _ranks.Length; i++)
        {
            _deciding[i] = largest.Values[_ranks[i]];
        }

        Pipeline.Process(sequence.Tokens, _deciding, Context);
        int chosen = _ranks[Choose(sequence, _deciding)];
        if (Options.TopLogProbabilities > 0)
        {
            int numbers = 0;
            while (numbers < Options.TopLogProbabilities && largest.Values[numbers] > float.NegativeInfinity)
            {
                numbers++;
            }

            var best = new TokenProbability[numbers];
            for (int rank = 0; rank < numbers; rank++)
            {
                best[rank] = largest[rank];
            }

            sequence.TopLogProbabilities.Add(best);
        }

        return largest[chosen];
    }

    private int Choose(Sequence sequence, ReadOnlySpan<float> logits) =>
        sequence.Random is null ? TokenChooser.Greedy(logits) : _chooser.Sample(logits, sequence.Random);

    private FinishReason? ReasonToStop(Sequence sequence, int token)
    {
        // The end token is not text.
        if (Array.IndexOf(EndTokens, token) >= 0)
        {
            return FinishReason.Eos;
        }

        if (sequence.Text?.Push(token) == true)
        {
            return FinishReason.StopString;
        }

        if (sequence.Tokens.Length >= MaxLength)
        {
            return FinishReason.Length;
        }

        return TimeIsUp ? FinishReason.Time : null;
    }
}
