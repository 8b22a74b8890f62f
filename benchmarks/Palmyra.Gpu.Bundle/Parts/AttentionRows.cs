using Palmyra.Backends;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>
/// Attention of a prompt over its own cache, on tensor cores and, for comparison, in 32-bit floats: operations a second, counting the scores that
/// are visible and no others.
/// </summary>
internal static class AttentionRows
{
    /// <summary>A trial a cache format, with a row a kernel.</summary>
    public static IEnumerable<Trial> Trials(SpeedStand stand)
    {
        SpeedSizes sizes = stand.Sizes;
        foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
        {
            string name = $"attention {sizes.Heads} heads of {sizes.HeadDim}, {sizes.Tokens} tokens {format}";
            yield return new Trial("attention", name, () => Measure(stand, name, format));
        }
    }

    private static IReadOnlyList<ResultRow> Measure(SpeedStand stand, string name, CacheFormat format)
    {
        ObservedDriver exactDriver = stand.Bench.Open();
        using IBackend exactBackend = stand.Bench.Backend(exactDriver, GemmPrecision.Exact);
        using var rounded = new Prompt(stand.Backend, stand.Sizes, format);
        using var exact = new Prompt(exactBackend, stand.Sizes, format);
        double[][] found = Rounds.Interleave(
            stand.Sizes.Rounds, Rounds.Of(stand.Driver, rounded.Attend), Rounds.Of(exactDriver, exact.Attend));

        // Two products of HeadDim multiplications and additions for each query and visible key.
        double operations = 4.0 * stand.Sizes.Heads * stand.Sizes.HeadDim * stand.Sizes.Tokens * (stand.Sizes.Tokens + 1) / 2;
        return [Row(name, found[0]), Row($"{name} exact", found[1])];

        ResultRow Row(string name, double[] milliseconds) => new("attention", name)
        {
            Values = [.. milliseconds.Select(each => operations / each / 1e9)],
            Unit = "TFLOP/s",
            Facts = [("us each", Evaluation.Speed.SpeedResult.Median(milliseconds) * 1e3)],
        };
    }

    private sealed class Prompt : IDisposable
    {
        private readonly IBackend _backend;
        private readonly AttentionShape _shape;
        private readonly Tensor _qkv;
        private readonly Tensor _y;
        private readonly KvCache _cache;
        private readonly PreparedBatch _prepared;

        public Prompt(IBackend backend, SpeedSizes sizes, CacheFormat format)
        {
            _backend = backend;
            _shape = new AttentionShape(sizes.Heads, sizes.HeadDim, 1 / MathF.Sqrt(sizes.HeadDim), 0);
            int pageSize = backend.PreferredPageSize;
            int[] pages = [.. Enumerable.Range(0, (sizes.Tokens + pageSize - 1) / pageSize)];
            _qkv = OpCases.Tensor(backend, sizes.Tokens, 3 * _shape.Width, Numbers.Spread(1, sizes.Tokens * 3 * _shape.Width));
            _y = backend.Allocate(sizes.Tokens, _shape.Width);
            _cache = backend.CreateKvCache(1, sizes.Heads, sizes.HeadDim, pages.Length, pageSize, format);
            var batch = new Batch();
            batch.Add(new int[sizes.Tokens], past: 0, pages);
            _prepared = backend.Prepare(batch, null);
            backend.StoreKeysValues(_cache, 0, _qkv, _prepared);
        }

        public void Attend() => _backend.Attend(_y, _qkv, _cache, 0, _prepared, _shape, null);

        public void Dispose()
        {
            _cache.Dispose();
            _y.Dispose();
            _qkv.Dispose();
        }
    }
}
