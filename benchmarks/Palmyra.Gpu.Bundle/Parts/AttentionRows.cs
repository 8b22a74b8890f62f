using Palmyra.Backends;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>Attention of a prompt over its own cache: operations a second, counting the scores that are visible and no others.</summary>
internal static class AttentionRows
{
    /// <summary>A trial a cache format.</summary>
    public static IEnumerable<Trial> Trials(SpeedStand stand)
    {
        SpeedSizes sizes = stand.Sizes;
        foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
        {
            string name = $"attention {sizes.Heads} heads of {sizes.HeadDim}, {sizes.Tokens} tokens {format}";
            yield return new Trial("attention", name, () => [Measure(stand, name, format)]);
        }
    }

    private static ResultRow Measure(SpeedStand stand, string name, CacheFormat format)
    {
        (IBackend backend, SpeedSizes sizes) = (stand.Backend, stand.Sizes);
        var shape = new AttentionShape(sizes.Heads, sizes.HeadDim, 1 / MathF.Sqrt(sizes.HeadDim), 0);
        int pageSize = backend.PreferredPageSize;
        int[] pages = [.. Enumerable.Range(0, (sizes.Tokens + pageSize - 1) / pageSize)];
        using Tensor qkv = OpCases.Tensor(backend, sizes.Tokens, 3 * shape.Width, Numbers.Spread(1, sizes.Tokens * 3 * shape.Width));
        using Tensor y = backend.Allocate(sizes.Tokens, shape.Width);
        using KvCache cache = backend.CreateKvCache(1, sizes.Heads, sizes.HeadDim, pages.Length, pageSize, format);
        var batch = new Batch();
        batch.Add(new int[sizes.Tokens], past: 0, pages);
        PreparedBatch prepared = backend.Prepare(batch, null);
        backend.StoreKeysValues(cache, 0, qkv, prepared);
        double[] found = Rounds.Interleave(
            sizes.Rounds, Rounds.Of(stand.Driver, () => backend.Attend(y, qkv, cache, 0, prepared, shape, null)))[0];

        // Two products of HeadDim multiplications and additions for each query and visible key.
        double operations = 4.0 * shape.Width * sizes.Tokens * (sizes.Tokens + 1) / 2;
        return new ResultRow("attention", name)
        {
            Values = [.. found.Select(milliseconds => operations / milliseconds / 1e9)],
            Unit = "TFLOP/s",
            Facts = [("us each", Evaluation.Speed.SpeedResult.Median(found) * 1e3)],
        };
    }
}
