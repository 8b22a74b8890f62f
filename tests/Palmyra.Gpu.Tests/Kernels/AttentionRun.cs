using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Kernels;

/// <summary>Attention of one batch over a cache, interpreted, and what the reference makes of it.</summary>
internal sealed class AttentionRun : IDisposable
{
    private const int PageSize = 16;

    private readonly WatchedDriver _driver;
    private readonly CheckedBackend _gpu;

    public AttentionRun(GemmPrecision precision = GemmPrecision.Rounded, Func<string, string>? edit = null)
    {
        _driver = new WatchedDriver { Edit = edit is null ? null : kernel => Edited(kernel, edit) };
        _gpu = new CheckedBackend(InterpretedGpu.Create(_driver, precision));
    }

    public int Heads { get; init; } = 2;

    public required int HeadDim { get; init; }

    public float Scale { get; init; } = 0.2f;

    public int Window { get; init; }

    public CacheFormat Format { get; init; }

    /// <summary>Tokens before and new tokens of each sequence.</summary>
    public (int Past, int Count)[] Sequences { get; init; } = [(0, 20)];

    /// <summary>Whether logarithms of sums are asked for.</summary>
    public bool LogSums { get; init; } = true;

    /// <summary>Changes queries, keys and values of a row: its sequence, its token, the row's numbers.</summary>
    public Action<int, int, float[]>? Change { get; init; }

    /// <summary>The interpreter.</summary>
    public PtxDriver Interpreter => _driver.Interpreter;

    /// <summary>What the kernel did that takes many rows on tensor cores.</summary>
    public PtxStatistics Product => Interpreter.Statistics.Single(one => one.Key.StartsWith("Prefill", StringComparison.Ordinal)).Value;

    /// <summary>Results and logarithms of sums, as the kernels give them.</summary>
    public (float[] Y, float[] LogSum) Actual() => Run(_gpu);

    /// <summary>The same from the reference.</summary>
    public (float[] Y, float[] LogSum) Expected()
    {
        using var reference = new CheckedBackend(new ReferenceBackend());
        return Run(reference);
    }

    /// <summary>How much of the error that rounding allows there is: of results, or of the logarithms, the larger.</summary>
    public double Error()
    {
        ((float[] y, float[] logSum), (float[] expected, float[] expectedLog)) = (Actual(), Expected());
        double allowed = GpuBounds.OfAttention(HeadDim, Scale);
        double absolute = 0;
        for (int i = 0; i < logSum.Length; i++)
        {
            double distance = (double)logSum[i] - expectedLog[i];
            absolute += distance * distance / logSum.Length;
        }

        return Math.Max(Numbers.SquaredError(expected, y), absolute) / allowed;
    }

    public void Dispose() => _gpu.Dispose();

    private static PtxKernel Edited(PtxKernel kernel, Func<string, string> edit)
    {
        if (!kernel.Name.StartsWith("Prefill", StringComparison.Ordinal) && !kernel.Name.StartsWith("Decode", StringComparison.Ordinal))
        {
            return kernel;
        }

        string edited = edit(kernel.Text);
        Assert.NotEqual(kernel.Text, edited);
        return kernel with { Text = edited };
    }

    // First the tokens before, which are stored and not asked, then the new ones.
    private (float[] Y, float[] LogSum) Run(IBackend backend)
    {
        int[] pages = [.. Sequences.Select(sequence => (sequence.Past + sequence.Count + PageSize - 1) / PageSize)];
        using KvCache cache = backend.CreateKvCache(2, Heads, HeadDim, pages.Sum(), PageSize, Format);
        (Batch before, Batch batch) = (new Batch(), new Batch());
        int last = pages.Sum();
        for (int i = 0; i < Sequences.Length; i++)
        {
            int[] own = [.. Enumerable.Range(0, pages[i]).Select(_ => --last)];
            if (Sequences[i].Past > 0)
            {
                before.Add(new int[Sequences[i].Past], 0, own);
            }

            batch.Add(new int[Sequences[i].Count], Sequences[i].Past, own);
        }

        if (before.Rows > 0)
        {
            using Tensor past = OpCases.Tensor(backend, before.Rows, 3 * Heads * HeadDim, Values(i => (0, Sequences[i].Past)));
            backend.StoreKeysValues(cache, 1, past, backend.Prepare(before, null));
        }

        using Tensor qkv = OpCases.Tensor(backend, batch.Rows, 3 * Heads * HeadDim, Values(i => Sequences[i]));
        using Tensor y = backend.Allocate(batch.Rows, Heads * HeadDim);
        using Tensor logSum = backend.Allocate(batch.Rows, Heads);
        PreparedBatch prepared = backend.Prepare(batch, null);
        backend.StoreKeysValues(cache, 1, qkv, prepared);
        backend.Attend(y, qkv, cache, 1, prepared, new AttentionShape(Heads, HeadDim, Scale, Window), LogSums ? logSum : null);
        return (OpCases.Values(backend, y), OpCases.Values(backend, logSum));
    }

    // A token's numbers depend on its sequence and its place in it alone.
    private float[] Values(Func<int, (int Past, int Count)> part)
    {
        var values = new List<float>();
        for (int i = 0; i < Sequences.Length; i++)
        {
            (int past, int count) = part(i);
            for (int token = past; token < past + count; token++)
            {
                float[] row = Numbers.Spread((1000 * i) + token + 1, 3 * Heads * HeadDim);
                Change?.Invoke(i, token, row);
                values.AddRange(row);
            }
        }

        return [.. values];
    }
}
