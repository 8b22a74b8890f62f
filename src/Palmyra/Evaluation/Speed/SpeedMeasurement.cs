using System.Diagnostics;
using Palmyra.Backends;
using Palmyra.Models;

namespace Palmyra.Evaluation.Speed;

/// <summary>Times prefill and decode of one sequence in turn with the limits of what runs them, so that drift of a shared machine meets both.</summary>
/// <remarks>
/// Only the model is timed: tokens are fixed and nothing is sampled. Every step ends with all logits of its last token read back, as a choice among
/// all of them needs; <see cref="Generation.Generator"/> reads only what decides where it can (<see cref="IBackend.Top"/>), which is less. A round's
/// decode and prefill are one pass each, in a fixed order, its limits the best of several passes: shares of them err on the low side.
/// </remarks>
public sealed class SpeedMeasurement : IDisposable
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
    private PreparedBatch? _prepared;

    /// <summary>Readies a measurement.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="promptTokens">Tokens of the prompt, at least 1.</param>
    /// <param name="decodeTokens">Tokens decoded after it, at least 1; both together fit the model's context.</param>
    /// <param name="cacheFormat">How keys and values are kept.</param>
    public SpeedMeasurement(Transformer model, int promptTokens, int decodeTokens, CacheFormat cacheFormat)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
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
    /// <param name="limits">Of what runs the model; they stay the caller's.</param>
    /// <param name="rounds">How many, at least 1.</param>
    /// <param name="progress">Told the number of each round as it begins, from 1; or null.</param>
    /// <param name="cancellation">Looked at between tokens.</param>
    public SpeedResult Run(ISpeedLimits limits, int rounds, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(limits);
        double cold = Prefill(cancellation);
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
            progress?.Invoke(round + 1);
            double bandwidth = limits.Bandwidth();
            long allocated = GC.GetTotalAllocatedBytes(precise: true);
            double decode = Decode(_decodeTokens, cancellation);
            allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
            double? peak = limits.Peak();
            double prefill = Prefill(cancellation);
            measured[round] = new SpeedRound(prefill, decode, allocated, bandwidth, peak);
        }

        // The head sees the prompt's last token only.
        var size = new ModelSize(_model.Config);
        double flops = 2.0 * ((size.LayerMatrixParameters * (double)_prompt.Length) + size.HeadParameters);
        long bytes = _model.Weights.Head.Bytes
            + _model.Weights.Blocks.Sum(block => block.Qkv.Bytes + block.Out.Bytes + block.Up.Bytes + block.Down.Bytes);
        return new SpeedResult(_prompt.Length, _decodeTokens, _cache.Format, bytes, flops, cold, measured);
    }

    /// <summary>Runs the prompt once.</summary>
    /// <returns>Seconds up to its last token's logits.</returns>
    public double Prefill(CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        long start = Stopwatch.GetTimestamp();
        Step(_prompt, past: 0);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Decodes tokens after the prompt, which must have run before.</summary>
    /// <param name="tokens">How many, at most those asked for at first.</param>
    /// <param name="cancellation">Looked at between tokens.</param>
    /// <returns>Seconds for all of them.</returns>
    public double Decode(int tokens, CancellationToken cancellation = default)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < tokens; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Step(_prompt.AsSpan(i % _prompt.Length, 1), _prompt.Length + i);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Gives cache and rows back.</summary>
    public void Dispose()
    {
        _cache.Dispose();
        _rows.Dispose();
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
