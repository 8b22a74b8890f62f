using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Tokenization;

namespace Palmyra.Evaluation.Replay;

/// <summary>Replays the reference outputs recorded beside a model (<c>expected.json</c>) and measures how far this engine is from them.</summary>
/// <remarks>
/// The rule: the recording says how far the reference's own float32 run is from its float64 run; an honest 32-bit engine is within 20 times
/// that, or 2e-4, whichever is larger. Logits, log-probabilities, losses, hidden states and beam scores are compared by absolute
/// difference. Probabilities left by sampling filters are compared relative to the recorded ones, because an error in a logit is a
/// relative error in a probability, and a token the reference filtered out must be filtered out. Token ids must be equal.
/// </remarks>
public sealed class Verification
{
    private readonly Transformer _transformer;
    private readonly RecordedOutputs _recorded;
    private readonly GptTokenizer? _tokenizer;
    private readonly List<VerificationSection> _sections = [];

    private Verification(Transformer transformer, RecordedOutputs recorded, GptTokenizer? tokenizer)
    {
        _transformer = transformer;
        _recorded = recorded;
        _tokenizer = tokenizer;
    }

    /// <summary>Whether a folder holds recorded outputs.</summary>
    /// <param name="folder">A model's folder.</param>
    public static bool HasRecording(string folder) => File.Exists(Path.Combine(folder, RecordedOutputs.FileName));

    /// <summary>Replays every section of a folder's recording.</summary>
    /// <param name="transformer">The model of that folder.</param>
    /// <param name="folder">Where <c>expected.json</c> and <c>expected.safetensors</c> are.</param>
    /// <param name="tokenizer">The folder's tokenizer, for recordings that give prompts as text too; null leaves texts out.</param>
    /// <param name="cancellation">Looked at between sections.</param>
    /// <exception cref="CheckpointException">The recording is absent, damaged, or of another model.</exception>
    /// <exception cref="GenerationException">The recording asks for a generation that is not possible.</exception>
    public static VerificationReport Run(
        Transformer transformer, string folder, GptTokenizer? tokenizer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(transformer);
        ArgumentNullException.ThrowIfNull(folder);
        using RecordedOutputs recorded = RecordedOutputs.Open(folder);
        var run = new Verification(transformer, recorded, tokenizer);
        run.Tokenize();
        cancellation.ThrowIfCancellationRequested();
        run.Prompts();
        cancellation.ThrowIfCancellationRequested();
        run.Padded();
        run._sections.AddRange(GenerationReplay.Run(transformer, recorded, tokenizer, cancellation));
        run._sections.AddRange(ProcessorReplay.Run(transformer.Config, recorded));
        return new VerificationReport(folder, recorded.Reference, recorded.Bound, run._sections);
    }

    /// <summary>The ids a recording gives, which must be the model's.</summary>
    internal static int[] Ids(RecordedValue value, ModelConfig config)
    {
        int[] ids = value.Integers();
        if (ids.Length == 0 || ids.Length > config.ContextLength || ids.Any(id => id < 0 || id >= config.VocabularySize))
        {
            throw value.Wrong($"1 to {config.ContextLength} ids below {config.VocabularySize}");
        }

        return ids;
    }

    private void Tokenize()
    {
        if (_tokenizer is null)
        {
            return;
        }

        var ids = new Difference("token ids of texts", 0);
        foreach (RecordedValue prompt in _recorded.Root.Required("prompts").Items())
        {
            if (prompt.Optional("text") is RecordedValue text)
            {
                ids.Equal(_tokenizer.Encode(text.Text()), prompt.Required("input_ids").Integers(), prompt.Place);
            }
        }

        Keep(ids);
    }

    private void Prompts()
    {
        RecordedValue[] prompts = [.. _recorded.Root.Required("prompts").Items()];
        int[][] ids = [.. prompts.Select(prompt => Ids(prompt.Required("input_ids"), _transformer.Config))];
        var batch = new Batch();
        foreach (int[] sequence in ids)
        {
            batch.Add(sequence, past: 0, pages: []);
        }

        using var rows = new Workspace(_transformer.Backend, _transformer.Config);
        var states = new List<float[]>();
        Tensor hidden = _transformer.Forward(
            _transformer.Backend.Prepare(batch, null), cache: null, rows, observe: (_, state) => states.Add(Read(state)));
        var logits = new Difference("logits", _recorded.Bound);
        var greedy = new Difference("greedy next", 0);
        var logProbabilities = new Difference("token log-probabilities", _recorded.Bound);
        var losses = new Difference("loss", _recorded.Bound);
        var hiddenStates = new Difference("hidden states", _recorded.Bound);
        for (int i = 0; i < prompts.Length; i++)
        {
            RecordedValue prompt = prompts[i];
            (int first, int count) = (batch.Sequences[i].FirstRow, batch.Sequences[i].Count);
            int[] selected = [.. Enumerable.Range(first, count)];
            int vocabulary = _transformer.Config.VocabularySize;
            float[] found = Read(_transformer.Logits(hidden, selected, rows));
            logits.Absolute(found, _recorded.Numbers(prompt.Required("logits"), count, vocabulary), prompt.Place + ".logits");
            if (prompt.Optional("greedy_next") is RecordedValue next)
            {
                int[] best = [.. Enumerable.Range(0, count).Select(row => ArgMax(found.AsSpan(row * vocabulary, vocabulary)))];
                greedy.Equal(best, next.Integers(), next.Place);
            }

            LogProbabilities(prompt, ids[i], hidden, selected, rows, logProbabilities, losses);
            if (prompt.Optional("hidden_states") is RecordedValue names)
            {
                RecordedValue[] layers = [.. names.Items()];
                if (layers.Length != states.Count)
                {
                    throw names.Wrong($"{states.Count} names");
                }

                int width = _transformer.Config.Width;
                for (int layer = 0; layer < layers.Length; layer++)
                {
                    hiddenStates.Absolute(
                        states[layer].AsSpan(first * width, count * width), _recorded.Numbers(layers[layer], count, width), layers[layer].Place);
                }
            }
        }

        Keep(logits, greedy, logProbabilities, losses, hiddenStates);
    }

    private void LogProbabilities(
        RecordedValue prompt, int[] ids, Tensor hidden, int[] selected, Workspace rows, Difference logProbabilities, Difference losses)
    {
        if (prompt.Optional("token_logprobs") is not RecordedValue recorded || ids.Length < 2)
        {
            return;
        }

        double[] expected = recorded.Numbers();
        if (expected.Length != ids.Length - 1)
        {
            throw recorded.Wrong($"{ids.Length - 1} numbers");
        }

        float[] found = Read(_transformer.Score(hidden, selected.AsSpan(0, ids.Length - 1), ids.AsSpan(1), rows).LogProb);
        for (int i = 0; i < expected.Length; i++)
        {
            logProbabilities.Absolute(found[i], expected[i], recorded.Place, i);
        }

        if (prompt.Optional("loss") is RecordedValue loss)
        {
            losses.Absolute(-found.Average(value => (double)value), loss.Number(), loss.Place);
        }
    }

    private void Padded()
    {
        if (_recorded.Root.Optional("padded") is not RecordedValue padded)
        {
            return;
        }

        ModelConfig config = _transformer.Config;
        int[][] ids = padded.Required("input_ids").Rows();
        int[][] mask = padded.Required("attention_mask").Rows();
        int[][] positions = padded.Required("position_ids").Rows();
        int length = ids.Length == 0 ? 0 : ids[0].Length;
        if (length == 0 || new[] { ids, mask, positions }.Any(rows => rows.Length != ids.Length || rows.Any(row => row.Length != length)))
        {
            throw padded.Wrong("three tables of the same size");
        }

        // A ragged batch has no pads: a row enters as the tokens its mask keeps, at the positions the reference gave them.
        var batch = new Batch();
        foreach ((int[] row, int[] kept, int[] at) in ids.Zip(mask, positions))
        {
            int first = Array.IndexOf(kept, 1);
            bool left = first >= 0 && kept.Take(first).All(value => value == 0) && kept.Skip(first).All(value => value == 1);
            if (!left || at.Skip(first).Where((position, i) => position != at[first] + i).Any() || at[first] < 0
                || at[^1] >= config.ContextLength || row.Any(id => id < 0 || id >= config.VocabularySize))
            {
                throw padded.Wrong("rows padded on the left whose ids and positions the model has");
            }

            batch.Add(row.AsSpan(first), past: 0, pages: [], firstPosition: at[first]);
        }

        float[] expected = _recorded.Numbers(padded.Required("logits"), ids.Length, length, config.VocabularySize);
        using var rows = new Workspace(_transformer.Backend, config);
        Tensor hidden = _transformer.Forward(_transformer.Backend.Prepare(batch, null), cache: null, rows);
        float[] found = Read(_transformer.Logits(hidden, [.. Enumerable.Range(0, batch.Rows)], rows));
        var logits = new Difference("padded logits", _recorded.Bound);
        for (int i = 0; i < ids.Length; i++)
        {
            BatchSequence sequence = batch.Sequences[i];
            int count = sequence.Count * config.VocabularySize;
            int from = (((i + 1) * length) - sequence.Count) * config.VocabularySize;
            logits.Absolute(found.AsSpan(sequence.FirstRow * config.VocabularySize, count), expected.AsSpan(from, count), $"padded.logits[{i}]");
        }

        Keep(logits);
    }

    private float[] Read(Tensor tensor)
    {
        var values = new float[tensor.Rows * tensor.Cols];
        _transformer.Backend.Read(tensor, values);
        return values;
    }

    // The lowest index wins a tie, as in the reference.
    private static int ArgMax(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            if (values[i] > values[best])
            {
                best = i;
            }
        }

        return best;
    }

    private void Keep(params ReadOnlySpan<Difference> differences)
    {
        foreach (Difference difference in differences)
        {
            if (!difference.IsEmpty)
            {
                _sections.Add(difference.ToSection());
            }
        }
    }
}
