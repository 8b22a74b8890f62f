using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Tokenization;

namespace Palmyra.Generation;

/// <summary>Generates tokens from tokens: any number of requests at a time, each with its own options, decoded together.</summary>
/// <remarks>
/// Requests may come from any thread. One background thread runs the model while there is work, all open sequences in one batch. On the CPU
/// what a request yields does not depend on what else is in the batch; on a GPU the number of rows decides how products round, and with
/// them a close choice between tokens may. While a step runs, it holds a lock on the backend object, so others that take the same lock may
/// use the same model. The cache grows to what is needed and is kept until <see cref="Dispose"/>.
/// </remarks>
public sealed class Generator : IDisposable
{
    /// <summary>Rows of a step that pieces of prompts may fill, by default.</summary>
    public const int DefaultRowBudget = 512;

    private readonly Lock _gate = new();
    private readonly Transformer _model;
    private readonly Func<ITokenDecoder>? _decoder;
    private readonly BatchRunner _runner;
    private readonly int _mostPages;
    private readonly List<GenerationJob> _submitted = []; // Under the gate; the rest belongs to the thread that runs the model.
    private readonly List<GenerationJob> _active = [];
    private readonly List<Sequence> _stepping = [];
    private Task _engine = Task.CompletedTask;
    private bool _working;
    private bool _disposed;

    /// <summary>Makes a generator for a model; it owns its cache and working memory, not the model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Turns tokens into text (special tokens become none); null if no text is wanted, and then stop strings are
    /// refused.</param>
    /// <param name="rowBudget">Rows of a step that pieces of prompts may fill.</param>
    /// <param name="maxCachedTokens">Tokens the cache may hold for all open sequences together; requests beyond that wait. A single
    /// request always gets what it needs. 0 means four contexts.</param>
    /// <param name="cacheFormat">How keys and values are stored: F16 halves the cache and Q8 quarters it, and texts may differ from F32's.</param>
    public Generator(
        Transformer model, GptTokenizer? tokenizer = null, int rowBudget = DefaultRowBudget, long maxCachedTokens = 0, CacheFormat cacheFormat = CacheFormat.F32)
        : this(model, tokenizer is null ? null : () => new TextDecoder(tokenizer), rowBudget, maxCachedTokens, cacheFormat)
    {
    }

    /// <summary>The same with anything that makes a decoder for each sequence.</summary>
    internal Generator(
        Transformer model, Func<ITokenDecoder>? decoder, int rowBudget, long maxCachedTokens, CacheFormat cacheFormat = CacheFormat.F32)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowBudget);
        ArgumentOutOfRangeException.ThrowIfNegative(maxCachedTokens);
        _model = model;
        _decoder = decoder;
        _runner = new BatchRunner(model, rowBudget, cacheFormat);
        _mostPages = _runner.PagesFor(maxCachedTokens == 0 ? 4L * model.Config.ContextLength : maxCachedTokens);
    }

    /// <summary>How the cache stores keys and values.</summary>
    public CacheFormat CacheFormat => _runner.CacheFormat;

    /// <summary>Cache pages in use; 0 when nothing is being generated.</summary>
    internal int PagesInUse => _runner.Pool.InUse;

    /// <summary>Cache pages there are.</summary>
    internal int PageCount => _runner.Pool.Count;

    /// <summary>Generates from one prompt.</summary>
    /// <param name="prompt">Token ids; empty means the bos token.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    /// <returns><see cref="GenerationOptions.NumReturnSequences"/> sequences; beams best first, and fewer if fewer exist.</returns>
    /// <exception cref="GenerationException">The options, the prompt or the model's limits forbid it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<GeneratedSequence> Generate(IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation = default) =>
        Generate([new GenerationRequest(prompt, options)], cancellation)[0];

    /// <summary>Generates from many prompts together.</summary>
    /// <param name="requests">The prompts, each with its options.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    /// <returns>For each request its sequences.</returns>
    /// <exception cref="GenerationException">A request's options, prompt or the model's limits forbid it; nothing was generated.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<IReadOnlyList<GeneratedSequence>> Generate(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellation = default) =>
        GenerateAsync(requests, cancellation).GetAwaiter().GetResult();

    /// <summary>Generates from many prompts together.</summary>
    /// <param name="requests">The prompts, each with its options.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    /// <returns>For each request its sequences.</returns>
    /// <exception cref="GenerationException">A request's options, prompt or the model's limits forbid it; nothing was generated.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(
        IReadOnlyList<GenerationRequest> requests, CancellationToken cancellation = default)
    {
        using var failure = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        CancellationToken token = failure.Token;
        GenerationJob[] jobs = [.. requests.Select(request => GenerationJob.Create(request, _model.Config, _decoder, stream: null, token))];
        Submit(jobs);
        try
        {
            return await WhenAllOrFirstFailure([.. jobs.Select(job => job.Completion.Task)]).ConfigureAwait(false);
        }
        catch
        {
            // One request failed: the others of this call are of no use any more. They end before the caller hears of it.
            await failure.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(jobs.Select(job => (Task)job.Completion.Task)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellation.ThrowIfCancellationRequested();
            throw;
        }
    }

    /// <summary>Generates from one prompt and yields each token as it comes.</summary>
    /// <param name="request">The prompt and its options; no beams.</param>
    /// <param name="cancellation">Ends the stream with <see cref="OperationCanceledException"/>. Leaving the loop early ends the work as well.</param>
    /// <exception cref="GenerationException">The options, the prompt or the model's limits forbid it.</exception>
    public async IAsyncEnumerable<GeneratedToken> StreamAsync(
        GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        if (request.Options.NumBeams > 1)
        {
            throw new GenerationException("Beam search (num_beams > 1) cannot be streamed, as no token is certain before the end; use Generate.");
        }

        // There is room for every token, so a slow reader never holds up the model.
        Channel<GeneratedToken> channel = Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true });
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        GenerationJob job = GenerationJob.Create(request, _model.Config, _decoder, channel.Writer, leaving.Token);
        Submit([job]);
        try
        {
            await foreach (GeneratedToken token in channel.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
            {
                yield return token;
            }
        }
        finally
        {
            await leaving.CancelAsync().ConfigureAwait(false);
            await ((Task)job.Completion.Task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Cancels what is being generated and gives the memory back.</summary>
    /// <remarks>
    /// Waits for the step that runs, which needs the backend: not to be called while something is generated and the caller holds its lock.
    /// </remarks>
    public void Dispose()
    {
        Task engine;
        lock (_gate)
        {
            _disposed = true;
            engine = _engine;
        }

        // The backend is free for the engine's last step while this waits, and in others' hands perhaps when it goes on.
        engine.GetAwaiter().GetResult();
        lock (_model.Backend)
        {
            _runner.Dispose();
        }
    }

    private static async Task<IReadOnlyList<GeneratedSequence>[]> WhenAllOrFirstFailure(Task<IReadOnlyList<GeneratedSequence>>[] tasks)
    {
        await foreach (Task<IReadOnlyList<GeneratedSequence>> task in Task.WhenEach(tasks).ConfigureAwait(false))
        {
            await task.ConfigureAwait(false);
        }

        return [.. tasks.Select(task => task.Result)];
    }

    private void Submit(GenerationJob[] jobs)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _submitted.AddRange(jobs);
            if (!_working && jobs.Length > 0)
            {
                _working = true;
                _engine = Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
        }
    }

    private void Work()
    {
        while (Next())
        {
            Step(cached: true);
            Step(cached: false);
        }
    }

    // Ends what was cancelled, admits what fits; false when nothing is left to do.
    private bool Next()
    {
        while (true)
        {
            GenerationJob job;
            lock (_gate)
            {
                EndCancelled(_submitted);
                EndCancelled(_active);
                if (_submitted.Count == 0 || !Fits(_submitted[0]))
                {
                    return _working = _active.Count > 0;
                }

                job = _submitted[0];
                _submitted.RemoveAt(0);
            }

            // Outside the gate: it may have to wait for the backend, and whoever submits must not.
            Admit(job);
        }
    }

    private void EndCancelled(List<GenerationJob> jobs)
    {
        for (int i = jobs.Count - 1; i >= 0; i--)
        {
            if (_disposed || jobs[i].Cancellation.IsCancellationRequested)
            {
                GenerationJob job = jobs[i];
                jobs.RemoveAt(i);
                End(job, new OperationCanceledException(job.Cancellation));
            }
        }
    }

    private bool Fits(GenerationJob job) => _active.Count == 0 || ReservedPages() + PagesFor(job) <= _mostPages;

    private long PagesFor(GenerationJob job) => job.Options.UseCache
        ? (long)job.Width * _runner.PagesFor(job.MaxLength, job.Options.ContextOverflow == ContextOverflow.SlidingWindow)
        : 0;

    private long ReservedPages()
    {
        long pages = 0;
        foreach (GenerationJob job in _active)
        {
            pages += job.ReservedPages;
        }

        return pages;
    }

    private void Admit(GenerationJob job)
    {
        try
        {
            job.ReservedPages = PagesFor(job);
            long pages = ReservedPages() + job.ReservedPages;
            if (pages > int.MaxValue)
            {
                throw new GenerationException(
                    $"The request may need {job.ReservedPages} cache pages, more than can be numbered; "
                        + "lower num_return_sequences, num_beams or max_new_tokens.");
            }

            int needed = (int)pages;
            lock (_model.Backend)
            {
                // Growing copies pages, so it grows by doubling where the limit allows.
                _runner.EnsurePages(needed <= PageCount ? needed : Math.Max(needed, Math.Min(2 * PageCount, _mostPages)));
            }

            job.Start();
            _active.Add(job);
        }
        catch (Exception error)
        {
            End(job, error);
        }
    }

    private void Step(bool cached)
    {
        _stepping.Clear();
        foreach (GenerationJob job in _active)
        {
            if (job.Options.UseCache == cached)
            {
                _stepping.AddRange(job.Open);
            }
        }

        if (_stepping.Count == 0)
        {
            return;
        }

        try
        {
            lock (_model.Backend)
            {
                _runner.Step(_stepping, cached);
            }
        }
        catch (Exception error)
        {
            // A failed operation leaves every sequence of the batch in doubt.
            foreach (GenerationJob job in _stepping.Select(sequence => sequence.Job).Distinct().ToArray())
            {
                End(job, error);
            }

            return;
        }

        for (int i = 0; i < _runner.Ready.Count; i++)
        {
            GenerationJob job = _runner.Ready[i].Job;
            if (!_active.Contains(job))
            {
                continue;
            }

            try
            {
                job.Advance(_runner.Ready[i], _runner.Next(i), _runner.Pool);
                if (job.Open.Count == 0)
                {
                    End(job, error: null);
                }
            }
            catch (Exception error)
            {
                // A request's own step failed (a user's function, a number that is none): the others go on.
                End(job, error);
            }
        }
    }

    // Called outside the gate too, so it keeps away from what is submitted: other threads add to that.
    private void End(GenerationJob job, Exception? error)
    {
        _active.Remove(job);
        job.CloseAll(_runner.Pool);
        job.Complete(error);
    }
}
