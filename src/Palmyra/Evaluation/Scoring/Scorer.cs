using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Models;

namespace Palmyra.Evaluation.Scoring;

/// <summary>Log-probabilities of given tokens: what <c>score</c>, perplexity and every evaluation task are made of.</summary>
/// <remarks>
/// Sequences are packed into ragged batches without padding; how they are packed changes no bit of a result. Not thread-safe; while a
/// batch runs, it holds a lock on the backend object, as <see cref="Generation.Generator"/> does.
/// </remarks>
/// <param name="model">The model.</param>
/// <param name="rowsPerBatch">How many tokens go through the model at a time, at least; a longer sequence is a batch by itself.</param>
public sealed class Scorer(Transformer model, int rowsPerBatch = 1024) : IDisposable
{
    private readonly Batch _batch = new();
    private readonly Workspace _workspace = new(model.Backend, model.Config);
    private PreparedBatch? _prepared;

    /// <summary>Scores every token of each sequence after its first, given the tokens before it.</summary>
    /// <param name="sequences">Token ids; each sequence from 1 token to the context's length.</param>
    /// <param name="progress">Told the share of tokens done, 0 to 1; or null.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>For each sequence of n tokens n − 1 scores: of token 1, token 2, ...</returns>
    /// <exception cref="GenerationException">A sequence is empty or longer than the context, or holds an id outside the vocabulary.</exception>
    public IReadOnlyList<TokenScore[]> Score(
        IReadOnlyList<ReadOnlyMemory<int>> sequences,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        long total = 0;
        foreach (ReadOnlyMemory<int> sequence in sequences)
        {
            Check(sequence.Span);
            total += sequence.Length;
        }

        var results = new TokenScore[sequences.Count][];
        long done = 0;
        for (int first = 0; first < sequences.Count;)
        {
            cancellation.ThrowIfCancellationRequested();
            _batch.Clear();
            int end = first;
            while (end < sequences.Count && (_batch.Rows == 0 || _batch.Rows + sequences[end].Length <= rowsPerBatch))
            {
                _batch.Add(sequences[end++].Span, 0, []);
            }

            ScoreBatch(sequences, first, results);
            done += _batch.Rows;
            first = end;
            progress?.Report((double)done / total);
        }

        return results;
    }

    /// <summary>Scores one long run of tokens cut into windows: ids 1, 2, ... of each window, given the ids before them in the window.</summary>
    /// <param name="ids">The tokens; what does not fill a last window is scored in a shorter one if it has at least two tokens.</param>
    /// <param name="window">Tokens in a window, 2 to the context's length.</param>
    /// <param name="stride">How far one window starts after the other, 1 to <paramref name="window"/>. Below it, windows overlap and a token
    /// is scored once, in the first window that holds it after its first place.</param>
    /// <param name="progress">Told the share of tokens done, 0 to 1; or null.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>The scored tokens in their order.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="window"/> or <paramref name="stride"/> is out of range.</exception>
    /// <exception cref="GenerationException">An id is outside the vocabulary.</exception>
    public IReadOnlyList<TokenScore> ScoreWindows(
        ReadOnlyMemory<int> ids,
        int window,
        int stride,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(window, model.Config.ContextLength);
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stride, window);
        var windows = new List<ReadOnlyMemory<int>>();
        for (int start = 0; start + 1 < ids.Length; start += stride)
        {
            windows.Add(ids.Slice(start, Math.Min(window, ids.Length - start)));
            if (start + window >= ids.Length)
            {
                break;
            }
        }

        IReadOnlyList<TokenScore[]> scores = Score(windows, progress, cancellation);
        var all = new List<TokenScore>();
        for (int i = 0; i < windows.Count; i++)
        {
            // The tokens this window shares with the one before it were scored there.
            int overlap = i == 0 ? 0 : Math.Max(0, windows[i - 1].Length - stride - 1);
            all.AddRange(scores[i].AsSpan(Math.Min(overlap, scores[i].Length)));
        }

        return all;
    }

    /// <summary>Gives the working memory back; the model stays.</summary>
    public void Dispose() => _workspace.Dispose();

    private void ScoreBatch(IReadOnlyList<ReadOnlyMemory<int>> sequences, int first, TokenScore[][] results)
    {
        var selected = new List<int>(_batch.Rows);
        var targets = new List<int>(_batch.Rows);
        foreach (BatchSequence sequence in _batch.Sequences)
        {
            for (int i = 0; i + 1 < sequence.Count; i++)
            {
                selected.Add(sequence.FirstRow + i);
                targets.Add(_batch.Tokens[sequence.FirstRow + i + 1]);
            }
        }

        var logProb = new float[selected.Count];
        var best = new float[selected.Count];
        if (selected.Count > 0)
        {
            lock (model.Backend)
            {
                _prepared = model.Backend.Prepare(_batch, _prepared);
                Tensor hidden = model.Forward(_prepared, cache: null, _workspace);
                (Tensor logProbRows, Tensor bestRows) = model.Score(hidden, selected.ToArray(), targets.ToArray(), _workspace);
                model.Backend.Read(logProbRows, logProb);
                model.Backend.Read(bestRows, best);
            }
        }

        int at = 0;
        for (int i = 0; i < _batch.Sequences.Length; i++)
        {
            var scores = new TokenScore[sequences[first + i].Length - 1];
            for (int t = 0; t < scores.Length; t++, at++)
            {
                scores[t] = new TokenScore(targets[at], logProb[at], (int)best[at]);
            }

            results[first + i] = scores;
        }
    }

    private void Check(ReadOnlySpan<int> sequence)
    {
        if (sequence.IsEmpty || sequence.Length > model.Config.ContextLength)
        {
            throw new GenerationException(
                $"A sequence to score was expected to have 1 to {model.Config.ContextLength} tokens (the model's context); found {sequence.Length}. Score longer texts in windows.");
        }

        foreach (int id in sequence)
        {
            if ((uint)id >= (uint)model.Config.VocabularySize)
            {
                throw new GenerationException($"Token id {id} is outside the vocabulary, 0 to {model.Config.VocabularySize - 1}.");
            }
        }
    }
}
