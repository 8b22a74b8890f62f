using System.Diagnostics;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Models;

namespace Palmyra.Cli;

/// <summary>Times prefill and decode of one sequence in turn with the machine's own limits, so that drift of a shared machine meets both.</summary>
/// <remarks>Only the model is timed: tokens are fixed, nothing is sampled; logits are read back as a sampler would.</remarks>
internal sealed class SpeedMeasurement : IDisposable
{
    // The runtime compiles hot loops anew in the first moments of a process.
    private const double WarmUpSeconds = 0.5;

    private readonly Transformer _model;
    private readonly Workspace _rows;
    private readonly KvCache _cache;
    private readonly Batch _batch = new();
    private readonly int[] _pages;
    private readonly int[] _prompt;
    private readonly float[] _logits;
    private readonly int _decodeTokens;
    private readonly int _threads;
    private PreparedBatch? _prepared;

    public SpeedMeasurement(Transformer model, int promptTokens, int decodeTokens, CacheFormat cacheFormat, int threads)
    {
        _model = model;
        _threads = threads;
        _decodeTokens = decodeTokens;
        ModelConfig config = model.Config;
        _prompt = [.. Enumerable.Range(0, promptTokens).Select(i => (int)((i * 2654435761L) % config.VocabularySize))];
        _logits = new float[config.VocabularySize];
        _rows = new Workspace(model.Backend, config);
        int pageSize = model.Backend.PreferredPageSize;
        _pages = [.. Enumerable.Range(0, (promptTokens + decodeTokens + pageSize - 1) / pageSize)];
        _cache = model.Backend.CreateKvCache(config.Layers, config.Heads, config.HeadDim, _pages.Length, pageSize, cacheFormat);
    }

    /// <summary>Runs the rounds: bandwidth, decode, peak, prefill, and again.</summary>
    public SpeedReport Run(string name, double loadSeconds, int rounds, CancellationToken cancellation)
    {
        double first = Prefill(cancellation);
        long warm = Stopwatch.GetTimestamp();
        do
        {
            Decode(Math.Min(8, _decodeTokens), cancellation);
            Prefill(cancellation);
        }
        while (Stopwatch.GetElapsedTime(warm).TotalSeconds < WarmUpSeconds);

        var measured = new SpeedRound[rounds];
        for (int round = 0; round < rounds; round++)
        {
            Terminal.Note($"round {round + 1} of {rounds}");
            double bandwidth = MachineLimits.ReadBandwidth(_threads);
            double decode = Decode(_decodeTokens, cancellation);
            double peak = MachineLimits.FmaPeak(_threads);
            double prefill = Prefill(cancellation);
            measured[round] = new SpeedRound(prefill, decode, bandwidth, peak);
        }

        return new SpeedReport(name, _model, _cache, _prompt.Length, _decodeTokens, loadSeconds, first, measured);
    }

    public void Dispose()
    {
        _cache.Dispose();
        _rows.Dispose();
    }

    private double Prefill(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        long start = Stopwatch.GetTimestamp();
        Step(_prompt, past: 0);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private double Decode(int tokens, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < tokens; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Step(_prompt.AsSpan(i % _prompt.Length, 1), _prompt.Length + i);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private void Step(ReadOnlySpan<int> tokens, int past)
    {
        _batch.Clear();
        _batch.Add(tokens, past, _pages);
        _prepared = _model.Backend.Prepare(_batch, _prepared);
        Tensor hidden = _model.Forward(_prepared, _cache, _rows);
        _model.Backend.Read(_model.Logits(hidden, [tokens.Length - 1], _rows), _logits);
    }
}
