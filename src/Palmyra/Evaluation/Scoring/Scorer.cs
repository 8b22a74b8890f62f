using Palmyra.Diagnostics;
using Palmyra.Models;

namespace Palmyra.Evaluation.Scoring;

/// <summary>Log-probabilities of given tokens: what <c>score</c>, perplexity and every evaluation task are made of.</summary>
/// <remarks>
/// Sequences are packed into ragged batches without padding; how they are packed changes no bit of a result. What the requests of a group
/// begin with alike runs once. The cache, where one is needed, holds about as many tokens as a batch. Not thread-safe; while a batch runs,
/// it holds a lock on the backend object, as <see cref="Generation.Generator"/> does.
/// </remarks>
public sealed class Scorer : IDisposable
{
    private readonly Transformer _model;
    private readonly ForkRunner _runner;
    private readonly int _vocabulary;
    private readonly int _room;

    /// <summary>Readies a model for scoring.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="rowsPerBatch">How many tokens go through the model at a time, at most; a longer sequence is a batch by itself. Whole cache
    /// pages are counted, so that short sequences fill a batch with fewer.</param>
    /// <param name="vocabularyLimit">Only the first so many logits take part; null, or a number not below the vocabulary's, for all of them.</param>
    /// <param name="tiesAreGreedy">Whether a token as probable as the best one counts as the best one, though another of a lower id is too.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    public Scorer(Transformer model, int rowsPerBatch = 1024, int? vocabularyLimit = null, bool tiesAreGreedy = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerBatch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularyLimit ?? 1, nameof(vocabularyLimit));
        _model = model;
        _runner = new ForkRunner(model, vocabularyLimit, tiesAreGreedy);
        _vocabulary = Math.Min(vocabularyLimit ?? int.MaxValue, model.Config.VocabularySize);
        _room = Math.Max(1, rowsPerBatch / _runner.PageSize);
    }

    /// <summary>Tokens that went through the model so far; what the requests of a group share counts once.</summary>
    public long TokensComputed => _runner.TokensComputed;

    /// <summary>Scores the continuations of groups of requests, such as the choices of a question.</summary>
    /// <remarks>
    /// Lazy: groups are drawn until a batch is full, and answered when it has run; so a long list is never held. What the inputs of a
    /// group begin with alike is computed once, and so are equal requests. A group larger than a batch is cut into several, whose common
    /// beginning is computed anew in each.
    /// </remarks>
    /// <param name="groups">The groups.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>For each group, for each of its requests, the scores of the continuation's tokens; none for an empty continuation.</returns>
    /// <exception cref="GenerationException">A context is empty, an input is longer than the model's context, or an id is outside the vocabulary.</exception>
    public IEnumerable<TokenScore[][]> ScoreGroups(IEnumerable<IReadOnlyList<TokenRequest>> groups, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(groups);
        return Answer(groups, cancellation);
    }

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

        var results = new List<TokenScore[]>(sequences.Count);
        long done = 0;
        IEnumerable<IReadOnlyList<TokenRequest>> groups = sequences.Select(sequence => new[] { new TokenRequest(sequence, ContextLength: 1) });
        foreach (TokenScore[][] scores in ScoreGroups(groups, cancellation))
        {
            done += sequences[results.Count].Length;
            results.Add(scores[0]);
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
        ArgumentOutOfRangeException.ThrowIfGreaterThan(window, _model.Config.ContextLength);
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

    /// <summary>Gives working memory and cache back; the model stays.</summary>
    public void Dispose() => _runner.Dispose();

    private IEnumerable<TokenScore[][]> Answer(IEnumerable<IReadOnlyList<TokenRequest>> groups, CancellationToken cancellation)
    {
        // All of the waiting groups are answered when the batch has run.
        var batch = new List<Fork>();
        var waiting = new List<TokenScore[][]>();
        int used = 0;
        foreach (IReadOnlyList<TokenRequest> group in groups)
        {
            TokenScore[][] scores = new TokenScore[group.Count][];
            List<Fork> forks = Split(group, scores);
            for (int i = 0; i < forks.Count; i++)
            {
                int pages = forks[i].Pages;
                if (used > 0 && used + pages > _room)
                {
                    cancellation.ThrowIfCancellationRequested();
                    _runner.Run(batch);
                    batch.Clear();
                    used = 0;
                    foreach (TokenScore[][] answered in waiting)
                    {
                        yield return answered;
                    }

                    waiting.Clear();
                }

                batch.Add(forks[i]);
                used += pages;
            }

            waiting.Add(scores);
        }

        cancellation.ThrowIfCancellationRequested();
        _runner.Run(batch);
        foreach (TokenScore[][] answered in waiting)
        {
            yield return answered;
        }
    }

    // One fork, or as many as a group needs that is larger than a batch.
    private List<Fork> Split(IReadOnlyList<TokenRequest> group, TokenScore[][] scores)
    {
        var forks = new List<Fork>();
        for (int i = 0; i < group.Count; i++)
        {
            TokenRequest request = group[i];
            Check(request);
            scores[i] = new TokenScore[request.Ids.Length - request.ContextLength];
            if (scores[i].Length > 0 && (forks.Count == 0 || !forks[^1].TryAdd(request, scores[i], _room)))
            {
                var fork = new Fork(_runner.PageSize);
                fork.TryAdd(request, scores[i], _room);
                forks.Add(fork);
            }
        }

        return forks;
    }

    private void Check(TokenRequest request)
    {
        int context = _model.Config.ContextLength;
        if (request.ContextLength < 1 || request.ContextLength > request.Ids.Length)
        {
            throw new GenerationException(
                $"A request to score was expected to have a context of 1 to {request.Ids.Length} tokens, those it has; found {request.ContextLength}.");
        }

        if (request.Ids.Length > context + 1)
        {
            throw new GenerationException(
                $"A request to score was expected to have at most {context + 1} tokens, one more than the model's context; found {request.Ids.Length}.");
        }

        CheckIds(request.Ids.Span, _model.Config.VocabularySize);
        CheckIds(request.Continuation.Span, _vocabulary);
    }

    private void Check(ReadOnlySpan<int> sequence)
    {
        if (sequence.IsEmpty || sequence.Length > _model.Config.ContextLength)
        {
            throw new GenerationException(
                $"A sequence to score was expected to have 1 to {_model.Config.ContextLength} tokens (the model's context); found {sequence.Length}. Score longer texts in windows.");
        }

        CheckIds(sequence, _model.Config.VocabularySize);
    }

    private static void CheckIds(ReadOnlySpan<int> ids, int vocabulary)
    {
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)vocabulary)
            {
                throw new GenerationException($"Token id {id} is outside the vocabulary, 0 to {vocabulary - 1}.");
            }
        }
    }
}
