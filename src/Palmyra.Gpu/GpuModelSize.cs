using System.Globalization;
using Palmyra.Backends;
using Palmyra.Generation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Models;

namespace Palmyra.Gpu;

/// <summary>What running a model takes of a GPU's memory, from the sizes that the backend itself allocates; nothing is allocated.</summary>
/// <remarks>
/// <para>Counted are the weights' slabs as they are cut, every piece that a step makes, and two slabs besides, of which one is open and one is for what
/// pieces leave behind that grew. Scratch memory is kept, so what generating and scoring take of it is added up. Counted is one sequence that is
/// generated, or a batch of <see cref="Evaluation.Scoring.Scorer"/>; each further sequence of a step has its cache, a row of logits and up to
/// four times its chunks of attention.</para>
/// <para>What NVIDIA's driver takes for its context, modules and graphs is not counted: it is gone from the free bytes, but for graphs, before a model
/// is loaded.</para>
/// </remarks>
/// <param name="config">The model's shape.</param>
/// <param name="stored">How a checkpoint stores a matrix; null for a model that has none, which is 32-bit.</param>
/// <param name="multiprocessors">The device's: products are split so that all have work. With the default the pieces bound those of any device.</param>
public sealed class GpuModelSize(
    ModelConfig config, Func<MatrixEntries, MatrixFormat>? stored = null, int multiprocessors = GpuModelSize.MostMultiprocessors)
{
    /// <summary>No GPU has more multiprocessors today, and working memory only grows with them.</summary>
    public const int MostMultiprocessors = 192;

    private readonly WeightMap _map = new(config);

    /// <summary>Tokens of the largest step: <see cref="Generator.DefaultRowBudget"/>, or the context.</summary>
    public int Rows => Math.Min(Generator.DefaultRowBudget, config.ContextLength);

    /// <summary>Bytes of all weights.</summary>
    /// <param name="format">How matrices are stored, by <see cref="StorageFormat"/>; null for the checkpoint's own.</param>
    public long WeightBytes(MatrixFormat? format) =>
        _map.Vectors.Sum(vector => Tensor(1, checked((int)vector.Count)))
        + _map.Matrices.Sum(matrix => DeviceMemory.Aligned(GpuMatrix.BytesOf(matrix.Rows, matrix.Cols, FormatOf(matrix, format))));

    /// <summary>Bytes of the cache of one sequence.</summary>
    /// <param name="tokens">Its tokens.</param>
    /// <param name="format">How keys and values are stored.</param>
    public long CacheBytes(int tokens, CacheFormat format) =>
        GpuKvCache.BytesOf(config.Layers, config.Heads, config.HeadDim, (tokens + GpuBackend.PageSize - 1) / GpuBackend.PageSize, GpuBackend.PageSize, format);

    /// <summary>Bytes of all that is neither weights nor cache: the rows steps write to, scratch memory, and what slabs have that is no piece.</summary>
    /// <param name="rows">Tokens in the largest step, of which the head reads one to generate and all to score.</param>
    /// <param name="format">How matrices are stored; null for the checkpoint's own.</param>
    public long WorkingBytes(int rows, MatrixFormat? format)
    {
        // Vectors last: they are small, and lie where there is room.
        long slabs = DeviceMemory.ReservedFor(
        [
            .. _map.Matrices.Select(matrix => GpuMatrix.BytesOf(matrix.Rows, matrix.Cols, FormatOf(matrix, format))),
            .. _map.Vectors.Select(vector => Tensor(1, checked((int)vector.Count))),
        ]);
        return PieceBytes(rows, format) + (slabs - WeightBytes(format)) + (2 * DeviceMemory.SlabBytes);
    }

    /// <summary>Bytes of the pieces among them.</summary>
    internal long PieceBytes(int rows, MatrixFormat? format)
    {
        (int width, int vocabulary) = (config.Width, config.VocabularySize);

        // Whole pages are counted in batches of scoring, and a branch has one of its own at least.
        int pages = GemmPlan.Ceiling(rows, GpuBackend.PageSize);
        long chunks = Chunks(pages);
        long lists = ((long)pages * GemmPlan.Ceiling(config.ContextLength, GpuBackend.PageSize)) + GpuBatch.MostStepRows;

        // Five of each row, and two of a tile, of which there are fewer than rows.
        long ints = (7L * rows) + lists + (DecodeAttention.ChunkFields * chunks);
        long[] pieces =
        [
            // A step's rows, the head's, and a bias that limits the vocabulary.
            Tensor(rows, width), Tensor(rows, width), Tensor(rows, width), Tensor(rows, 3 * width), Tensor(rows, config.HiddenWidth),
            Tensor(rows, width), Tensor(rows, 1), Tensor(rows, 1), Tensor(1, vocabulary), Tensor(1, vocabulary),

            // Batches, whose buffers double: of trunks and of branches.
            2 * ints * sizeof(int), 2 * ints * sizeof(int),
            Angles(),
            (long)rows * sizeof(int),

            // Attention: parts, arrivals, a page on its way to a larger cache, and a cache where there is none.
            GpuBackend.PartialBytes(chunks, config.Heads, config.HeadDim),
            (long)rows * config.Heads * sizeof(int),
            CacheBytes(1, CacheFormat.F32),
            GpuKvCache.BytesOf(1, config.Heads, config.HeadDim, pages, GpuBatch.ScratchPageSize, CacheFormat.F32),

            // The largest logits, results of all sizes and lists; scoring's logits.
            2 * Tensor(1, 3 * IBackend.MostTop), Ranking.Room(1, vocabulary, Math.Min(IBackend.MostTop, vocabulary)).Bytes,
            Enumerable.Range(1, Math.Min(GpuBackend.ScoreRows, rows)).Max(each => GpuBackend.ScoreBytes(each, vocabulary, GpuBackend.UsualLogits)),
            .. Products(rows, format),
        ];
        return pieces.Sum(DeviceMemory.Aligned);
    }

    /// <summary>Bytes for one sequence of so many tokens, run in steps of <see cref="Rows"/>.</summary>
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
        int stepRows = rows ?? Rows;
        int context = Math.Max(config.ContextLength, stepRows);
        long weights = WeightBytes(format);
        long working = WorkingBytes(stepRows, format);
        long keys = CacheBytes(context, cache);
        if (weights + working + keys <= free)
        {
            return null;
        }

        MatrixFormat? narrower = Narrower(free - keys, format, stepRows);
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

    // Of rows that attend one by one, four of a sequence at most: one that is generated sees a context; branches share a trunk, most chunks where
    // it takes half of the pages, of which two are a chunk. The number is rounded up by what steps are recorded with.
    private long Chunks(int pages)
    {
        const long Singles = GpuBatch.MostSingleRows;
        long sequence = Singles * GemmPlan.Ceiling(config.ContextLength, DecodeAttention.Chunk);
        long branches = Singles * (pages + 2) * (pages + 2) / 8;
        return Math.Max(sequence, branches) + GpuBatch.MostStepRows;
    }

    private long Angles() => config.RotaryDims == 0
        ? 0
        : 2L * GpuBackend.AnglePositions(config.ContextLength) * (config.RotaryDims / 2) * sizeof(float);

    // Rounded rows and sums of split tiles: fewer rows are split into more parts, so all numbers of rows are tried.
    private long[] Products(int rows, MatrixFormat? format)
    {
        long rounded = 0;
        long sums = 0;
        foreach ((MatrixRole role, MatrixFormat stored, int outputs, int inputs) in _map.Matrices
            .Select(matrix => (matrix.Role, FormatOf(matrix, format), matrix.Rows, matrix.Cols)).Distinct())
        {
            // Tokens are the head, unless that has weights of its own.
            if (stored == MatrixFormat.F32 || role == MatrixRole.Positions)
            {
                continue;
            }

            for (int each = GemmPlan.MostGemvRows(stored) + 1; each <= rows; each++)
            {
                Count(each, outputs);
                if (role != MatrixRole.Layer)
                {
                    // Scoring makes a part of the logits at a time: of so many rows, or of the last of more.
                    int last = Math.Min(each, GpuBackend.ScoreRows);
                    CountTiles(last, last);
                    CountTiles(last, Math.Min(rows, GpuBackend.ScoreRows));
                }
            }

            void CountTiles(int each, int together)
            {
                int tile = GpuBackend.ScoreTileOf(together, outputs, GpuBackend.UsualLogits);
                Count(each, Math.Min(tile, outputs));
                if (outputs % tile > 0)
                {
                    Count(each, outputs % tile);
                }
            }

            void Count(int each, int some)
            {
                GemmPlan plan = GemmPlan.For(new GemmShape(stored, each, some, inputs, GemmPrecision.Exact), multiprocessors);
                rounded = Math.Max(rounded, plan.RoundedBytes);
                sums = Math.Max(sums, plan.SumsBytes);
            }
        }

        return [rounded, sums];
    }

    private MatrixFormat FormatOf(MatrixEntries matrix, MatrixFormat? format) =>
        StorageFormat.For(matrix.Role, format, stored?.Invoke(matrix) ?? MatrixFormat.F32);

    private static long Tensor(int rows, int cols) => DeviceMemory.Aligned((long)rows * GpuTensor.StrideOf(cols) * sizeof(float));

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):F2} GiB");
}
