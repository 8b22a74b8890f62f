using Palmyra.Backends;
using Palmyra.Models;
using Palmyra.Testing;

namespace Palmyra.Gpu.Tests;

/// <summary>A model of a fixture's shape with random weights, decoded by hand: a sequence's tokens are a fixed function of its number.</summary>
internal sealed class DecodedModel : IDisposable
{
    private const int PageSize = 16;

    private readonly IBackend _backend;
    private readonly Transformer _model;
    private readonly Workspace _rows;
    private readonly Batch _batch = new();
    private readonly int _pagesEach;
    private readonly CacheFormat _format;
    private readonly int[] _pasts;
    private KvCache _cache;
    private PreparedBatch? _prepared;

    public DecodedModel(
        IBackend backend, string folder = "gptj", int sequences = 1, int context = 128, ulong seed = 1, int spare = 0,
        MatrixFormat format = MatrixFormat.F32, CacheFormat cache = CacheFormat.F32, int? layers = null)
    {
        _backend = backend;
        ModelConfig config = ModelConfigReader.ReadFile(Fixtures.Path($"models/{folder}/config.json")) with { ContextLength = context };
        config = layers is int count ? config with { Layers = count, Windows = [.. config.Windows.Take(count)] } : config;
        _model = TransformerLoader.Load(config, backend, format, new RandomWeights(config, seed).View);
        _rows = new Workspace(backend, config);
        _format = cache;
        _pagesEach = (context + PageSize - 1) / PageSize;
        _pasts = new int[sequences];
        Spare = spare;
        _cache = NewCache();
    }

    /// <summary>Pages of a cache that no sequence uses.</summary>
    public int Spare { get; set; }

    /// <summary>Begins anew with another cache; the one before is given back first or afterwards.</summary>
    public void ChangeCache(bool first)
    {
        KvCache old = _cache;
        if (first)
        {
            old.Dispose();
        }

        _cache = NewCache();
        old.Dispose();
        Array.Clear(_pasts);
    }

    /// <summary>Gives each of the first sequences so many tokens more.</summary>
    /// <param name="sequences">How many of them.</param>
    /// <param name="count">Tokens.</param>
    /// <returns>Logits of the last token of each.</returns>
    public float[] Step(int sequences = 1, int count = 1)
    {
        _batch.Clear();
        var selected = new int[sequences];
        for (int sequence = 0; sequence < sequences; sequence++)
        {
            int past = _pasts[sequence];
            int pages = (past + count + PageSize - 1) / PageSize;
            int[] tokens = [.. Enumerable.Range(past, count).Select(i => ((7 * i) + (31 * sequence)) % _model.Config.VocabularySize)];
            _batch.Add(tokens, past, [.. Enumerable.Range(sequence * _pagesEach, pages)]);
            _pasts[sequence] += count;
            selected[sequence] = _batch.Rows - 1;
        }

        _prepared = _backend.Prepare(_batch, _prepared);
        Tensor hidden = _model.Forward(_prepared, _cache, _rows);
        return OpCases.Values(_backend, _model.Logits(hidden, selected, _rows));
    }

    /// <summary>All that a step leaves behind: rows that operations wrote, every page of the cache.</summary>
    public float[] Memory()
    {
        var values = new List<float>();
        foreach (Tensor tensor in new[] { _rows.Residual, _rows.Normed, _rows.Qkv, _rows.Attended, _rows.Hidden, _rows.Selected, _rows.Logits })
        {
            values.AddRange(OpCases.Values(_backend, tensor));
        }

        var page = new float[_cache.PageLength];
        for (int number = 0; number < _cache.Pages; number++)
        {
            _backend.ReadPage(_cache, number, page);
            values.AddRange(page);
        }

        return [.. values];
    }

    public void Dispose()
    {
        _cache.Dispose();
        _rows.Dispose();
        _model.Dispose();
    }

    private KvCache NewCache() => _backend.CreateKvCache(
        _model.Config.Layers, _model.Config.Heads, _model.Config.HeadDim, (_pasts.Length * _pagesEach) + Spare, PageSize, _format);
}
