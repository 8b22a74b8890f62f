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
    private bool _forked;

    public SamplingJob(GenerationRequest request, ModelConfig config, Func<ITokenDecoder>? decoder, CancellationToken cancellation)
        : base(request, config, decoder, cancellation)
    {
        _results = new GeneratedSequence[Options.NumReturnSequences];
    }

    public override int Width => Options.NumReturnSequences;

    public override void Advance(Sequence sequence, Span<float> logits, PagePool pool)
    {
        if (!_forked && Width > 1)
        {
            _prompted = logits.ToArray();
            for (int number = 1; number < Width; number++)
            {
                Sequence fork = sequence.Fork(pool, number, StreamOf(number), NewText());
                Add(fork);
                Choose(fork, logits, pool);
                _prompted.CopyTo(logits);
            }
        }

        _forked = true;
        Choose(sequence, logits, pool);
    }

    protected override Sequence First() => new(Prompt, this) { Random = StreamOf(0), Text = NewText() };

    protected override IReadOnlyList<GeneratedSequence> Results() => _results;

    private RandomStream? StreamOf(int number) => Seed is { } seed ? new RandomStream(seed, (ulong)number) : null;

    private void Choose(Sequence sequence, Span<float> logits, PagePool pool)
    {
        if (_raw.Length < logits.Length)
        {
            _raw = new float[logits.Length];
        }

        logits.CopyTo(_raw);
        double logSum = Probabilities.LogSum(logits);
        Pipeline.Process(sequence.Tokens, logits, Context);
        int token = sequence.Random is null ? TokenChooser.Greedy(logits) : _chooser.Sample(logits, sequence.Random);
        float logProbability = (float)(_raw[token] - logSum);
        sequence.Append(token, logProbability);
        Collect(sequence, logits, logSum);

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

    private void Collect(Sequence sequence, ReadOnlySpan<float> scores, double logSum)
    {
        ReadOnlySpan<float> raw = _raw.AsSpan(0, scores.Length);
        if (Options.OutputLogits)
        {
            sequence.Logits.Add(raw.ToArray());
        }

        if (Options.OutputScores)
        {
            sequence.Scores.Add(scores.ToArray());
        }

        if (Options.TopLogProbabilities > 0)
        {
            _ranked.Load(raw, Options.TopLogProbabilities);
            ReadOnlySpan<ulong> top = _ranked.Top(Options.TopLogProbabilities);
            var best = new TokenProbability[top.Length];
            for (int i = 0; i < top.Length; i++)
            {
                best[i] = new TokenProbability(RankedTokens.Id(top[i]), (float)(RankedTokens.Logit(top[i]) - logSum));
            }

            sequence.TopLogProbabilities.Add(best);
        }

        if (Options.HiddenStateLayers.Count > 0)
        {
            sequence.HiddenStates.Add(sequence.TakeStepHiddenStates());
        }
    }
}
