using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Generation.Sampling;
using Palmyra.Models;

namespace Palmyra.Generation;

/// <summary>Beam search and beam sampling as transformers does them: the open beams, and the step from one set to the next.</summary>
/// <remarks>
/// transformers starts with copies of the prompt that score −10⁹; here the search starts with the one prompt and opens beams as it
/// finds continuations, which chooses the same ones.
/// </remarks>
internal sealed class BeamJob : GenerationJob
{
    private readonly FinishedBeams _finished;
    private readonly RankedTokens _ranked = new();
    private readonly RandomStream? _random;
    private readonly List<BeamCandidate> _candidates = [];
    private readonly List<(float[] Raw, float[] Scores)> _collected = [];
    private readonly List<Sequence> _beams = [];
    private readonly int _vocabulary;

    public BeamJob(GenerationRequest request, ModelConfig config, Func<ITokenDecoder>? decoder, CancellationToken cancellation)
        : base(request, config, decoder, cancellation)
    {
        _vocabulary = config.VocabularySize;
        _random = Seed is { } seed ? new RandomStream(seed, 0) : null;
        _finished = new FinishedBeams(Options, MaxLength - PromptLength);
    }

    public override int Width => Options.NumBeams;

    public override void Advance(Sequence sequence, NextLogits next, PagePool pool)
    {
        Span<float> logits = next.All;
        Probabilities.LogSoftmax(logits);
        if (_collected.Count == _beams.Count)
        {
            _collected.Add((new float[_vocabulary], new float[_vocabulary]));
        }

        logits.CopyTo(_collected[_beams.Count].Raw);
        Pipeline.Process(sequence.Tokens, logits, Context);
        logits.CopyTo(_collected[_beams.Count].Scores);
        _beams.Add(sequence);
        if (_beams.Count < Open.Count)
        {
            return;
        }

        Rank(Math.Max(2, 1 + EndTokens.Length) * Options.NumBeams);
        if (_candidates.Count == 0)
        {
            throw new GenerationException(
                $"The options forbid every token of every beam after {sequence.Tokens.Length} tokens; allow at least one.");
        }

        bool done = Step(pool);
        _beams.Clear();
        if (done || Open.Count == 0)
        {
            CloseAll(pool);
        }
        else if (Open[0].Tokens.Length >= MaxLength || TimeIsUp)
        {
            FinishReason reason = Open[0].Tokens.Length >= MaxLength ? FinishReason.Length : FinishReason.Time;
            foreach (Sequence beam in Open)
            {
                _finished.Add(beam.Tokens.ToArray(), [.. beam.LogProbabilities], beam.Score, beam.Tokens.Length - PromptLength, reason);
            }

            CloseAll(pool);
        }
    }

    protected override Sequence First() => new(Prompt, this);

    protected override IReadOnlyList<GeneratedSequence> Results() =>
        [.. _finished.Best(Options.NumReturnSequences).Select(beam => new GeneratedSequence
        {
            Tokens = beam.Tokens,
            PromptLength = PromptLength,
            FinishReason = beam.Reason,
            Text = TextOf(beam),
            LogProbabilities = beam.LogProbabilities,
            Seed = Seed,
            Score = beam.Score,
        })];

    // Candidates of all beams, best first; equal scores in the order of beam and id, as one flat top-k.
    private void Rank(int wanted)
    {
        _candidates.Clear();
        for (int beam = 0; beam < _beams.Count; beam++)
        {
            _ranked.Load(_collected[beam].Scores, _random is null ? wanted : _vocabulary);
            foreach (ulong key in _ranked.Top(_random is null ? wanted : _vocabulary))
            {
                _candidates.Add(new BeamCandidate(_beams[beam].Score + RankedTokens.Logit(key), beam, RankedTokens.Id(key)));
            }
        }

        if (_random is not null)
        {
            Draw(wanted, _random);
        }

        _candidates.Sort(static (a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : (a.Beam, a.Token).CompareTo((b.Beam, b.Token)));
        if (_candidates.Count > wanted)
        {
            _candidates.RemoveRange(wanted, _candidates.Count - wanted);
        }
    }

    // Beam sampling: candidates drawn without replacement from the softmax of their scores.
    private void Draw(int wanted, RandomStream random)
    {
        Span<BeamCandidate> all = CollectionsMarshal.AsSpan(_candidates);
        double max = double.NegativeInfinity;
        foreach (BeamCandidate candidate in all)
        {
            max = Math.Max(max, candidate.Score);
        }

        int drawn = 0;
        while (drawn < Math.Min(wanted, all.Length))
        {
            double total = 0;
            foreach (BeamCandidate candidate in all[drawn..])
            {
                total += Math.Exp(candidate.Score - max);
            }

            double threshold = random.NextUnit() * total;
            int chosen = drawn;
            double sum = Math.Exp(all[chosen].Score - max);
            while (sum <= threshold && chosen + 1 < all.Length)
            {
                sum += Math.Exp(all[++chosen].Score - max);
            }

            (all[drawn], all[chosen]) = (all[chosen], all[drawn]);
            drawn++;
        }

        _candidates.RemoveRange(drawn, _candidates.Count - drawn);
    }

    // Returns whether the search is over.
    private bool Step(PagePool pool)
    {
        int opened = 0;
        int newLength = _beams[0].Tokens.Length + 1 - PromptLength;
        for (int rank = 0; rank < _candidates.Count && opened < Options.NumBeams; rank++)
        {
            BeamCandidate candidate = _candidates[rank];
            Sequence parent = _beams[candidate.Beam];
            float logProbability = _collected[candidate.Beam].Raw[candidate.Token];
            FinishReason? end = Array.IndexOf(EndTokens, candidate.Token) >= 0 ? FinishReason.Eos
                : CompletesStopString(parent, candidate.Token) ? FinishReason.StopString : null;
            if (end is null)
            {
                Sequence beam = parent.Fork(pool, opened++, random: null, text: null);
                beam.Append(candidate.Token, logProbability);
                beam.Score = candidate.Score;
                Add(beam);
            }
            else if (rank < Options.NumBeams)
            {
                int[] tokens = [.. parent.Tokens, candidate.Token];
                _finished.Add(tokens, [.. parent.LogProbabilities, logProbability], candidate.Score, newLength, end.Value);
            }
        }

        foreach (Sequence beam in _beams)
        {
            Close(beam, pool);
        }

        return _finished.NothingBetterCanCome(_candidates[0].Score, newLength);
    }

    // An open beam holds no stop string, so only the new token can complete one. Decoders cannot be forked with a beam: the text is
    // decoded again.
    private bool CompletesStopString(Sequence beam, int next)
    {
        if (Options.StopStrings.Count == 0)
        {
            return false;
        }

        StopMatcher text = NewText()!;
        foreach (int token in beam.Tokens[PromptLength..])
        {
            text.Push(token);
        }

        return text.Push(next);
    }

    private string? TextOf(FinishedBeam beam)
    {
        StopMatcher? text = NewText();
        if (text is null)
        {
            return null;
        }

        int end = beam.Tokens.Length - (beam.Reason == FinishReason.Eos ? 1 : 0);
        bool stopped = false;
        for (int i = PromptLength; i < end && !stopped; i++)
        {
            stopped = text.Push(beam.Tokens[i]);
        }

        if (!stopped)
        {
            text.End();
        }

        return text.Text;
    }
}
