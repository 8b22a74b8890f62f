using Palmyra.Backends;
using Palmyra.Models;

namespace Palmyra.Evaluation.Scoring;

/// <summary>Runs forks through the model in two passes: all trunks, then all branches, which read the trunks' pages in the cache.</summary>
/// <remarks>
/// Forks without branches of their own need no second pass and no cache. Every batch uses the pages from number 0 on: nothing is kept
/// from one to the next.
/// </remarks>
internal sealed class ForkRunner : IDisposable
{
    private readonly Transformer _model;
    private readonly Workspace _workspace;
    private readonly bool _tiesAreGreedy;
    private readonly ScoringPass _trunks = new();
    private readonly ScoringPass _branches = new();
    private readonly List<(int Destination, int Source)> _copies = [];
    private readonly Tensor? _headBias;
    private KvCache? _cache;
    private int _pages;

    /// <summary>Readies a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="vocabularyLimit">Only the first so many logits take part; null for all of them.</param>
    /// <param name="tiesAreGreedy">Whether a token as probable as the best one is the best one.</param>
    public ForkRunner(Transformer model, int? vocabularyLimit, bool tiesAreGreedy)
    {
        _model = model;
        _workspace = new Workspace(model.Backend, model.Config);
        _tiesAreGreedy = tiesAreGreedy;
        _headBias = vocabularyLimit < model.Config.VocabularySize ? BiasUpTo(vocabularyLimit.Value) : null;
    }

    /// <summary>Tokens of a cache page.</summary>
    public int PageSize => _model.Backend.PreferredPageSize;

    /// <summary>Rows that went through the model so far.</summary>
    public long TokensComputed { get; private set; }

    /// <summary>Answers what the forks ask.</summary>
    public void Run(IReadOnlyList<Fork> forks)
    {
        _trunks.Clear();
        _branches.Clear();
        _copies.Clear();
        _pages = 0;
        bool cached = forks.Any(fork => fork.IsShared);
        foreach (Fork fork in forks)
        {
            Place(fork, cached);
        }

        lock (_model.Backend)
        {
            KvCache? cache = cached ? CacheOf(_pages) : null;
            _trunks.Run(_model, cache, _workspace, _headBias, _tiesAreGreedy);
            foreach ((int destination, int source) in _copies)
            {
                _model.Backend.CopyPage(cache!, destination, source);
            }

            _branches.Run(_model, cache, _workspace, _headBias, _tiesAreGreedy);
        }

        TokensComputed += _trunks.Rows + _branches.Rows;
    }

    /// <summary>Gives working memory and cache back.</summary>
    public void Dispose()
    {
        lock (_model.Backend)
        {
            _cache?.Dispose();
            _cache = null;
            _headBias?.Dispose();
            _workspace.Dispose();
        }
    }

    private void Place(Fork fork, bool cached)
    {
        int trunk = fork.TrunkLength;
        var trunkPages = new List<int>();
        int trunkRow = 0;
        if (trunk > 0)
        {
            Extend(trunkPages, trunk, cached);
            trunkRow = _trunks.Add(fork.Branches[0].Input.Span[..trunk], past: 0, trunkPages);
        }

        // Without a trunk, branches are sequences like any other.
        ScoringPass pass = trunk > 0 ? _branches : _trunks;
        bool isFirst = true;
        foreach (Branch branch in fork.Branches)
        {
            int row = 0;
            if (branch.Input.Length > trunk)
            {
                row = pass.Add(branch.Input.Span[trunk..], trunk, PagesOf(branch, trunk, trunkPages, isFirst, cached));
                isFirst = false;
            }

            foreach ((TokenRequest request, TokenScore[] scores) in branch.Asked)
            {
                ReadOnlySpan<int> continuation = request.Continuation.Span;
                for (int i = 0; i < continuation.Length; i++)
                {
                    int token = request.ContextLength - 1 + i;
                    (ScoringPass where, int at) = token < trunk ? (_trunks, trunkRow + token) : (pass, row + token - trunk);
                    where.Ask(at, continuation[i], scores, i);
                }
            }
        }
    }

    // The first branch writes on in the trunk's last page: the other branches have copied it by then, and the trunk is done.
    private List<int> PagesOf(Branch branch, int trunk, List<int> trunkPages, bool isFirst, bool cached)
    {
        int shared = isFirst ? trunkPages.Count : Math.Min(trunkPages.Count, trunk / PageSize);
        List<int> pages = trunkPages.GetRange(0, shared);
        Extend(pages, branch.Input.Length, cached);
        if (shared < trunkPages.Count)
        {
            _copies.Add((pages[shared], trunkPages[shared]));
        }

        return pages;
    }

    private void Extend(List<int> pages, int tokens, bool cached)
    {
        while (cached && pages.Count * PageSize < tokens)
        {
            pages.Add(_pages++);
        }
    }

    private KvCache CacheOf(int pages)
    {
        if (_cache is null || _cache.Pages < pages)
        {
            _cache?.Dispose();
            _cache = null;
            ModelConfig config = _model.Config;
            _cache = _model.Backend.CreateKvCache(config.Layers, config.Heads, config.HeadDim, pages, PageSize, CacheFormat.F32);
        }

        return _cache;
    }

    // A large finite number and not −∞: blocks of a kernel that lie wholly beyond the limit would subtract infinities.
    private Tensor BiasUpTo(int limit)
    {
        const float Never = -1e30f;
        var values = new float[_model.Config.VocabularySize];
        lock (_model.Backend)
        {
            if (_model.Weights.HeadBias is Tensor own)
            {
                _model.Backend.Read(own, values);
            }

            values.AsSpan(limit).Fill(Never);
            Tensor bias = _model.Backend.Allocate(1, values.Length);
            _model.Backend.Write(bias, values);
            return bias;
        }
    }
}
