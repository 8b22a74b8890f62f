using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Models;

namespace Palmyra.Generation;

/// <summary>Runs the waiting tokens of many sequences as one ragged batch, and keeps their pages.</summary>
/// <remarks>
/// A step holds one row of every sequence that waits for its next token, and fills up to the row budget with pieces of prompts; so prompts
/// of any length need no padding and a long one does not keep others waiting.
/// </remarks>
internal sealed class BatchRunner : IDisposable
{
    private readonly Transformer _model;
    private readonly Workspace _rows;
    private readonly LogitsReader _logits;
    private readonly Batch _batch = new();
    private readonly int _rowBudget;
    private readonly int _pageSize;
    private readonly List<Sequence> _ready = [];
    private readonly List<int> _readyRows = [];
    private KvCache? _cache;
    private PreparedBatch? _prepared;
    private Tensor? _observed;
    private float[] _states = [];
    private int _few;

    public BatchRunner(Transformer model, int rowBudget, CacheFormat cacheFormat)
    {
        _model = model;
        _rowBudget = rowBudget;
        CacheFormat = cacheFormat;
        _rows = new Workspace(model.Backend, model.Config);
        _logits = new LogitsReader(model.Backend);
        _pageSize = model.Backend.PreferredPageSize;
    }

    /// <summary>How the cache stores keys and values.</summary>
    public CacheFormat CacheFormat { get; }

    /// <summary>The pages of the cache.</summary>
    public PagePool Pool { get; } = new();

    /// <summary>The sequences whose logits the last step made, in the order of <see cref="Next"/>; those that need few come first.</summary>
    public IReadOnlyList<Sequence> Ready => _ready;

    private int Context => _model.Config.ContextLength;

    private bool Rotary => !_model.Config.LearnedPositions;

    /// <summary>Pages a sequence can come to hold.</summary>
    /// <param name="maxLength">Its tokens at most.</param>
    /// <param name="slides">Whether its window moves.</param>
    public int PagesFor(int maxLength, bool slides)
    {
        // A moving window drops whole pages behind it after a step, and a step may add a whole row budget.
        long most = slides ? Math.Min(maxLength, Context + (Rotary ? _rowBudget + _pageSize : 0L)) : maxLength;
        return (int)((most + _pageSize - 1) / _pageSize);
    }

    /// <summary>Pages for a number of tokens.</summary>
    public int PagesFor(long tokens) => (int)Math.Min(int.MaxValue, (tokens + _pageSize - 1) / _pageSize);

    /// <summary>Makes the cache hold at least this many pages; pages in use keep their numbers and content.</summary>
    /// <remarks>What a page reads as is written without a change in every format, so that growing changes no text.</remarks>
    public void EnsurePages(int count)
    {
        if (count <= Pool.Count)
        {
            return;
        }

        ModelConfig config = _model.Config;
        KvCache grown = _model.Backend.CreateKvCache(config.Layers, config.Heads, config.HeadDim, count, _pageSize, CacheFormat);
        if (_cache is not null)
        {
            var page = new float[_cache.PageLength];
            for (int i = 0; i < _cache.Pages; i++)
            {
                if (Pool.IsUsed(i))
                {
                    _model.Backend.ReadPage(_cache, i, page);
                    _model.Backend.WritePage(grown, i, page);
                }
            }

            _cache.Dispose();
        }

        _cache = grown;
        Pool.Grow(count);
    }

    /// <summary>Runs one step; <see cref="Ready"/> and <see cref="Next"/> hold the outcome.</summary>
    /// <param name="sequences">All with cache, or all without.</param>
    /// <param name="cached">Which.</param>
    public void Step(List<Sequence> sequences, bool cached)
    {
        _ready.Clear();
        _readyRows.Clear();
        _few = 0;
        _batch.Clear();
        foreach (Sequence sequence in sequences)
        {
            MoveOrigin(sequence);
        }

        // Without any row budget left for prompts there were decoding rows; so the batch is never empty.
        Plan(sequences, cached, decoding: true);
        Plan(sequences, cached, decoding: false);
        _prepared = _model.Backend.Prepare(_batch, _prepared);
        bool observes = _ready.Exists(static sequence => sequence.Job.Options.HiddenStateLayers.Count > 0);
        Tensor hidden = _model.Forward(_prepared, cached ? _cache : null, _rows, Window(sequences), observes ? Observe : null);
        if (_ready.Count > 0)
        {
            _logits.Read(_model.Logits(hidden, CollectionsMarshal.AsSpan(_readyRows), _rows), _ready);
        }

        if (cached && Rotary)
        {
            foreach (Sequence sequence in sequences)
            {
                DropPages(sequence);
            }
        }
    }

    /// <summary>What came back of the logits of a ready sequence.</summary>
    public NextLogits Next(int ready) => _logits.Of(ready, _ready[ready].Job);

    public void Dispose()
    {
        _rows.Dispose();
        _logits.Dispose();
        _observed?.Dispose();
        _cache?.Dispose();
    }

    // What rotary models may see at most, once a text is longer than the context; 0 while none is.
    private int Window(List<Sequence> sequences)
    {
        foreach (Sequence sequence in sequences)
        {
            if (Rotary && sequence.Slides && sequence.Tokens.Length > Context)
            {
                return Context;
            }
        }

        return 0;
    }

    // Adds the sequences that wait for their next token, or pieces of those that wait with more.
    private void Plan(List<Sequence> sequences, bool cached, bool decoding)
    {
        foreach (Sequence sequence in sequences)
        {
            int waiting = sequence.Tokens.Length - sequence.Past;
            int count = cached ? Math.Min(waiting, decoding ? 1 : _rowBudget - _batch.Rows) : waiting;
            if ((waiting == 1) == decoding && count > 0)
            {
                AddRows(sequence, count, cached);
            }
        }
    }

    private void AddRows(Sequence sequence, int count, bool cached)
    {
        if (cached)
        {
            Reserve(sequence, count);
            _batch.Add(
                sequence.Tokens.Slice(sequence.Past, count),
                sequence.Past - sequence.CacheStart,
                CollectionsMarshal.AsSpan(sequence.Pages),
                sequence.Past - sequence.Origin);
            sequence.Past += count;
        }
        else
        {
            _batch.Add(sequence.Tokens[sequence.Origin..], past: 0, pages: []);
        }

        if (!cached || sequence.Past == sequence.Tokens.Length)
        {
            // The largest logits are found of the first rows, whose jobs need no more; within a job the order stays.
            int at = sequence.Job.Largest is null ? _ready.Count : _few++;
            _ready.Insert(at, sequence);
            _readyRows.Insert(at, _batch.Rows - 1);
        }
    }

    // Learned positions end at the context: the end of the text is then read again from position 0, half of it, so that this is seldom;
    // of a prompt that is too long, as much as fits.
    private void MoveOrigin(Sequence sequence)
    {
        int length = sequence.Tokens.Length;
        if (!Rotary && length - sequence.Origin > Context)
        {
            int kept = sequence.LogProbabilities.Count == 0 ? Context : Math.Max(1, Context / 2);
            sequence.ReturnPages(Pool);
            sequence.Origin = sequence.CacheStart = sequence.Past = length - kept;
        }
    }

    // Pages for the next rows; a page that others read too is copied before it is written.
    private void Reserve(Sequence sequence, int count)
    {
        int first = sequence.Past - sequence.CacheStart;
        int at = first / _pageSize;
        if (at < sequence.Pages.Count && Pool.IsShared(sequence.Pages[at]))
        {
            int copy = Pool.Take();
            _model.Backend.CopyPage(_cache!, copy, sequence.Pages[at]);
            Pool.Return(sequence.Pages[at]);
            sequence.Pages[at] = copy;
        }

        while (sequence.Pages.Count * _pageSize < first + count)
        {
            sequence.Pages.Add(Pool.Take());
        }
    }

    // The next token sees the last Context tokens, itself included; pages wholly before them are of no use to anyone after.
    private void DropPages(Sequence sequence)
    {
        while (sequence.Slides && sequence.CacheStart + _pageSize <= sequence.Past - Context + 1)
        {
            Pool.Return(sequence.Pages[0]);
            sequence.Pages.RemoveAt(0);
            sequence.CacheStart += _pageSize;
        }
    }

    private void Observe(int layer, Tensor states)
    {
        if (_ready.Count == 0 || !_ready.Exists(sequence => sequence.Job.Options.HiddenStateLayers.Contains(layer)))
        {
            return;
        }

        if (_observed is null || _observed.Capacity < _ready.Count)
        {
            _observed?.Dispose();
            _observed = _model.Backend.Allocate(_ready.Count, states.Cols);
        }

        _observed.Rows = _ready.Count;
        _model.Backend.GatherRows(_observed, states, CollectionsMarshal.AsSpan(_readyRows));
        if (_states.Length < _ready.Count * states.Cols)
        {
            _states = new float[_ready.Count * states.Cols];
        }

        _model.Backend.Read(_observed, _states.AsSpan(0, _ready.Count * states.Cols));
        for (int i = 0; i < _ready.Count; i++)
        {
            IReadOnlyList<int> layers = _ready[i].Job.Options.HiddenStateLayers;
            if (_ready[i].StepHiddenStates.Length != layers.Count)
            {
                _ready[i].StepHiddenStates = new float[layers.Count][];
            }

            for (int wanted = 0; wanted < layers.Count; wanted++)
            {
                if (layers[wanted] == layer)
                {
                    _ready[i].StepHiddenStates[wanted] = _states.AsSpan(i * states.Cols, states.Cols).ToArray();
                }
            }
        }
    }
}
