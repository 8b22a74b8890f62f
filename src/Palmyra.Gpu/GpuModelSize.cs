using System.Globalization;
using Palmyra.Backends;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Models;

namespace Palmyra.Gpu;

/// <summary>What running a model takes of a GPU's memory, from the sizes that the backend itself allocates; nothing is allocated.</summary>
/// <remarks>
/// Counted are the pieces and the slab that small ones are cut from. What NVIDIA's driver takes for its context, modules and graphs is not: it is gone
/// from the free bytes, but for graphs, before a model is loaded.
/// </remarks>
/// <param name="config">The model's shape.</param>
/// <param name="stored">How a checkpoint stores a matrix; null for a model that has none, which is 32-bit.</param>
/// <param name="multiprocessors">The device's: products are split so that all have work. With the default the sizes bound those of any device.</param>
public sealed class GpuModelSize(
    ModelConfig config, Func<MatrixEntries, MatrixFormat>? stored = null, int multiprocessors = GpuModelSize.MostMultiprocessors)
{
    /// <summary>No GPU has more multiprocessors today, and working memory only grows with them.</summary>
    public const int MostMultiprocessors = 192;

    /// <summary>Rows of a step of <see cref="Generation.Generator"/>, by default.</summary>
    public const int StepRows = 512;

    // Slabs are cut first piece first, so that one is not full at a time.
    private const long OpenSlab = 64L << 20;

    private readonly WeightMap _map = new(config);

    /// <summary>Tokens of the largest step: <see cref="StepRows"/>, or the context.</summary>
    public int Rows => Math.Min(StepRows, config.ContextLength);

    /// <summary>Bytes of all weights.</summary>
    /// <param name="format">How matrices are stored, by <see cref="StorageFormat"/>; null for the checkpoint's own.</param>
    public long WeightBytes(MatrixFormat? format) =>
        _map.Vectors.Sum(vector => Tensor(1, checked((int)vector.Count)))
        + _map.Matrices.Sum(matrix => Aligned(GpuMatrix.BytesOf(matrix.Rows, matrix.Cols, FormatOf(matrix, format))));

    /// <summary>Bytes of the cache of one sequence.</summary>
    /// <param name="tokens">Its tokens.</param>
    /// <param name="format">How keys and values are stored.</param>
    public long CacheBytes(int tokens, CacheFormat format) =>
        GpuKvCache.BytesOf(config.Layers, config.Heads, config.HeadDim, (tokens + GpuBackend.PageSize - 1) / GpuBackend.PageSize, GpuBackend.PageSize, format);

    /// <summary>Bytes of the rows a step writes to, of the products' scratch memory and of the slab they share.</summary>
    /// <param name="rows">Tokens in the step, of which the head reads one.</param>
    /// <param name="format">How matrices are stored; null for the checkpoint's own.</param>
    public long WorkingBytes(int rows, MatrixFormat? format)
    {
        GemmPlan[] plans = [.. _map.Matrices
            .Where(matrix => matrix.Role == MatrixRole.Layer && FormatOf(matrix, format) != MatrixFormat.F32
                && rows > GemmPlan.MostGemvRows(FormatOf(matrix, format)))
            .Select(matrix => GemmPlan.For(
                new GemmShape(FormatOf(matrix, format), rows, matrix.Rows, matrix.Cols, GemmPrecision.Exact), multiprocessors))];
        long scratch = plans.Select(plan => plan.RoundedBytes).DefaultIfEmpty().Max() + plans.Select(plan => plan.SumsBytes).DefaultIfEmpty().Max();
        return (3 * Tensor(rows, config.Width)) + Tensor(rows, 3 * config.Width) + Tensor(rows, config.HiddenWidth)
            + Tensor(1, config.Width) + Tensor(1, config.VocabularySize) + scratch + OpenSlab;
    }

    /// <summary>Bytes for one sequence of so many tokens, run in steps of <see cref="StepRows"/>.</summary>
    public long TotalBytes(int tokens, MatrixFormat? format, CacheFormat cache) =>
        WeightBytes(format) + CacheBytes(tokens, cache) + WorkingBytes(Rows, format);

    /// <summary>Whether the weights and a step fit, whatever the cache.</summary>
    /// <param name="free">Bytes that are free.</param>
    /// <param name="format">How matrices are stored; null for the checkpoint's own.</param>
    /// <param name="rows">Tokens in the largest step; null for <see cref="Rows"/>.</param>
    public bool Opens(long free, MatrixFormat? format, int? rows = null) =>
        WeightBytes(format) + WorkingBytes(rows ?? Rows, format) + CacheBytes(1, CacheFormat.F32) <= free;

    /// <summary>One sentence where a whole context does not fit: what is needed, what is free, what would fit. Null where it does.</summary>
    /// <param name="free">Bytes that are free.</param>
    /// <param name="format">How matrices are stored; null for the checkpoint's own.</param>
    /// <param name="cache">How keys and values are stored.</param>
    /// <param name="rows">Tokens in the largest step; null for <see cref="Rows"/>.</param>
    public string? Shortage(long free, MatrixFormat? format, CacheFormat cache, int? rows = null)
    {
        int context = config.ContextLength;
        long weights = WeightBytes(format);
        long working = WorkingBytes(rows ?? Rows, format);
        long keys = CacheBytes(context, cache);
        if (weights + working + keys <= free)
        {
            return null;
        }

        MatrixFormat? narrower = Narrower(free - keys, format, rows ?? Rows);
        long pages = (free - weights - working) / CacheBytes(1, cache);
        string tokens = Math.Min(context, pages * GpuBackend.PageSize).ToString("N0", CultureInfo.InvariantCulture);
        string[] ways = (narrower, pages) switch
        {
            (null, <= 0) => ["no format of weights does"],
            (null, _) => [$"{tokens} tokens do"],
            (MatrixFormat fits, <= 0) => [$"--dtype {fits.ToString().ToLowerInvariant()} does"],
            (MatrixFormat fits, _) => [$"--dtype {fits.ToString().ToLowerInvariant()} does", $"{tokens} tokens do"],
        };
        return $"The model needs {Size(weights + working + keys)} of the GPU's memory ({Size(weights)} for weights, {Size(keys)} for the cache of "
            + $"{context.ToString("N0", CultureInfo.InvariantCulture)} tokens, {Size(working)} for working rows) and {Size(free)} are free: "
            + $"it does not fit, {string.Join(", and as it is ", ways)}.";
    }

    private MatrixFormat? Narrower(long free, MatrixFormat? format, int rows)
    {
        long now = WeightBytes(format);
        foreach (MatrixFormat each in (MatrixFormat[])[MatrixFormat.BF16, MatrixFormat.Q8, MatrixFormat.Q4])
        {
            if (WeightBytes(each) < now && WeightBytes(each) + WorkingBytes(rows, each) <= free)
            {
                return each;
            }
        }

        return null;
    }

    private MatrixFormat FormatOf(MatrixEntries matrix, MatrixFormat? format) =>
        StorageFormat.For(matrix.Role, format, stored?.Invoke(matrix) ?? MatrixFormat.F32);

    private static long Tensor(int rows, int cols) => Aligned((long)rows * GpuTensor.StrideOf(cols) * sizeof(float));

    private static long Aligned(long bytes) => (bytes + DeviceMemory.Alignment - 1) / DeviceMemory.Alignment * DeviceMemory.Alignment;

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):F2} GiB");
}
