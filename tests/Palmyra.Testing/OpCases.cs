using Palmyra.Backends;
using Palmyra.Checkpoints;

namespace Palmyra.Testing;

/// <summary>The table of operation cases every backend is run through and compared with the reference on: shapes with and without tails.</summary>
public static class OpCases
{
    private const double Rounding = 1e-12;

    /// <summary>Inputs of Q8 weights are rounded to 1/65534 of their row's largest: a relative error of 1.5e-5 where numbers are spread evenly.</summary>
    private const double SixteenBits = 1e-9;

    /// <summary>Inputs of Q4 weights are rounded to 1/254 of the largest of 32: a relative error of 1/254, squared 1.6e-5; twice that is allowed.</summary>
    private const double EightBits = 3.1e-5;

    /// <summary>All cases.</summary>
    public static IReadOnlyList<OpCase> All { get; } =
        [.. Linears(), .. Activations(), .. Norms(), .. Embeddings(), .. Rotations(), .. Attentions(), .. Scores(), .. Tops(), .. Moves()];

    /// <summary>A tensor holding <paramref name="values"/>.</summary>
    public static Tensor Tensor(IBackend backend, int rows, int cols, float[] values)
    {
        Tensor tensor = backend.Allocate(rows, cols);
        backend.Write(tensor, values);
        return tensor;
    }

    /// <summary>A tensor's numbers.</summary>
    public static float[] Values(IBackend backend, Tensor tensor)
    {
        var values = new float[tensor.Rows * tensor.Cols];
        backend.Read(tensor, values);
        return values;
    }

    /// <summary>A matrix of <see cref="Numbers.Spread"/> numbers.</summary>
    public static Matrix Matrix(IBackend backend, int rows, int cols, int seed, MatrixFormat format) =>
        backend.LoadMatrix(WeightView.FromArray($"w{seed}", rows, cols, Numbers.Spread(seed, rows * cols)), format);

    private static double BoundOf(MatrixFormat format) => format switch
    {
        MatrixFormat.Q8 => SixteenBits,
        MatrixFormat.Q4 => EightBits,
        _ => Rounding,
    };

    private static IEnumerable<OpCase> Linears()
    {
        (int Rows, int In, int Out)[] shapes =
            [(1, 1, 1), (1, 16, 48), (1, 33, 49), (2, 64, 50), (3, 50, 96), (4, 18, 24), (5, 31, 17), (8, 64, 13), (9, 400, 49), (17, 771, 30), (258, 20, 51)];
        Activation[] activations = Enum.GetValues<Activation>();
        int n = 0;
        foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
        {
            foreach ((int rows, int cols, int outputs) in shapes)
            {
                n++;
                Activation activation = activations[n % activations.Length];
                bool biased = n % 3 != 0;
                bool added = n % 2 == 0;
                bool inPlace = n % 4 == 0;
                yield return new OpCase(
                    $"Linear {rows} x {cols} -> {outputs} {format} {activation}{(biased ? " bias" : "")}{(added ? " residual" : "")}{(inPlace ? " in place" : "")}",
                    BoundOf(format),
                    backend =>
                    {
                        using Tensor x = Tensor(backend, rows, cols, Numbers.Spread(1, rows * cols));
                        using Matrix w = Matrix(backend, outputs, cols, 2, format);
                        using Tensor bias = Tensor(backend, 1, outputs, Numbers.Spread(3, outputs));
                        using Tensor residual = Tensor(backend, rows, outputs, Numbers.Spread(4, rows * outputs));
                        using Tensor y = backend.Allocate(rows, outputs);
                        Tensor output = inPlace ? residual : y;
                        backend.Linear(output, x, w, biased ? bias : null, activation, added ? residual : null);
                        return Values(backend, output);
                    });
            }
        }
    }

    private static IEnumerable<OpCase> Activations() =>
        from activation in Enum.GetValues<Activation>()
        from scale in new[] { 0.5f, 4f, 120f }
        select new OpCase($"Activate {activation} ±{scale}", 1e-13, backend =>
        {
            using Tensor x = Tensor(backend, 3, 101, Numbers.Spread(5, 303, scale));
            using Tensor y = backend.Allocate(3, 101);
            backend.Activate(y, x, activation);
            backend.Activate(x, x, activation);
            return [.. Values(backend, y), .. Values(backend, x)];
        });

    private static IEnumerable<OpCase> Norms() =>
        from shape in new (int Rows, int Cols)[] { (1, 2), (2, 16), (3, 20), (5, 100), (40, 67), (2, 768) }
        from center in new[] { 0f, 3f }
        select new OpCase($"LayerNorm {shape.Rows} x {shape.Cols} around {center}", 1e-11, backend =>
        {
            float[] values = [.. Numbers.Spread(6, shape.Rows * shape.Cols).Select(value => value + center)];
            using Tensor x = Tensor(backend, shape.Rows, shape.Cols, values);
            using Tensor gain = Tensor(backend, 1, shape.Cols, Numbers.Spread(7, shape.Cols));
            using Tensor bias = Tensor(backend, 1, shape.Cols, Numbers.Spread(8, shape.Cols));
            using Tensor y = backend.Allocate(shape.Rows, shape.Cols);
            using Tensor stats = backend.Allocate(shape.Rows, 2);
            backend.LayerNorm(y, x, gain, bias, 1e-5f, stats);
            return [.. Values(backend, y), .. Values(backend, stats)];
        });

    private static IEnumerable<OpCase> Embeddings() =>
        from format in Enum.GetValues<MatrixFormat>()
        from positioned in new[] { false, true }
        select new OpCase($"Embed {format}{(positioned ? " with positions" : "")}", 0, backend =>
        {
            using Matrix tokens = Matrix(backend, 101, 19, 9, format);
            using Matrix positions = Matrix(backend, 40, 19, 10, format);
            using Tensor y = backend.Allocate(6, 19);
            var batch = new Batch();
            batch.Add([0, 100, 47, 48], past: 3, []);
            batch.Add([99, 5], past: 0, []);
            backend.Embed(y, tokens, positioned ? positions : null, backend.Prepare(batch, null));
            var stored = new float[101 * 19];
            backend.ReadMatrix(tokens, stored);
            return [.. Values(backend, y), .. stored];
        });

    private static IEnumerable<OpCase> Rotations() =>
        from shape in new (int Heads, int Dim, int Turned)[] { (1, 4, 4), (3, 10, 6), (2, 64, 64), (2, 20, 2) }
        select new OpCase($"Rotate {shape.Turned} of {shape.Dim}, {shape.Heads} heads", Rounding, backend =>
        {
            int width = shape.Heads * shape.Dim;
            using Tensor qkv = Tensor(backend, 4, 3 * width, Numbers.Spread(11, 12 * width));
            var batch = new Batch();
            batch.Add([1, 2, 3], past: 0, [], firstPosition: 2000);
            batch.Add([4], past: 0, []);
            backend.Rotate(qkv, backend.Prepare(batch, null), new AttentionShape(shape.Heads, shape.Dim, 1, 0), shape.Turned);
            return Values(backend, qkv);
        });

    private static IEnumerable<OpCase> Attentions() =>
        from shape in new (int Heads, int Dim)[] { (1, 4), (3, 20), (2, 64) }
        from window in new[] { 0, 1, 7, 32 }
        from pageSize in new[] { 0, 16, 48 }
        from format in pageSize == 0 ? [CacheFormat.F32] : Enum.GetValues<CacheFormat>()
        select new OpCase(
            $"Attend {shape.Heads} heads of {shape.Dim} scaled by {(window == 7 ? "1" : "0.3")}, window {window}, "
            + $"{(pageSize == 0 ? "no cache" : $"pages of {pageSize} {format}")}",
            Rounding,
            backend => Attend(backend, new AttentionShape(shape.Heads, shape.Dim, window == 7 ? 1 : 0.3f, window), pageSize, format));

    private static float[] Attend(IBackend backend, AttentionShape shape, int pageSize, CacheFormat format)
    {
        int[] lengths = [37, 1, 18, 70];
        int rows = lengths.Sum();
        using Tensor qkv = Tensor(backend, rows, 3 * shape.Width, Numbers.Spread(12, 3 * rows * shape.Width));
        using Tensor y = backend.Allocate(rows, shape.Width);
        using Tensor logSum = backend.Allocate(rows, shape.Heads);
        using KvCache? cache = pageSize == 0 ? null : backend.CreateKvCache(2, shape.Heads, shape.HeadDim, 20, pageSize, format);
        var batch = new Batch();
        int page = 19;
        foreach (int length in lengths)
        {
            int[] pages = pageSize == 0 ? [] : [.. Enumerable.Range(0, (length + pageSize - 1) / pageSize).Select(_ => page--)];
            batch.Add(new int[length], past: 0, pages);
        }

        PreparedBatch prepared = backend.Prepare(batch, null);
        if (cache is not null)
        {
            backend.StoreKeysValues(cache, 1, qkv, prepared);
        }

        backend.Attend(y, qkv, cache, 1, prepared, shape, logSum);
        return [.. Values(backend, y), .. Values(backend, logSum)];
    }

    private static IEnumerable<OpCase> Scores() =>
        from shape in new (int Rows, int Width, int Vocabulary)[] { (1, 8, 1), (5, 33, 383), (2, 16, 384), (9, 20, 1001), (258, 4, 50) }
        from format in Enum.GetValues<MatrixFormat>()
        select new OpCase($"Score {shape.Rows} x {shape.Width} over {shape.Vocabulary} {format}", BoundOf(format), backend =>
        {
            using Tensor x = Tensor(backend, shape.Rows, shape.Width, Numbers.Spread(13, shape.Rows * shape.Width));
            using Matrix head = Matrix(backend, shape.Vocabulary, shape.Width, 14, format);
            using Tensor bias = Tensor(backend, 1, shape.Vocabulary, Numbers.Spread(15, shape.Vocabulary));
            using Tensor logProb = backend.Allocate(shape.Rows, 1);
            using Tensor best = backend.Allocate(shape.Rows, 1);
            int[] targets = [.. Enumerable.Range(0, shape.Rows).Select(row => row * 131 % shape.Vocabulary)];
            backend.Score(logProb, best, x, head, shape.Rows % 2 == 0 ? null : bias, targets);
            return [.. Values(backend, logProb), .. Values(backend, best)];
        });

    private static IEnumerable<OpCase> Tops()
    {
        // One part of the GPU's kernel and several, tails of every kind, K from 1 to V; the last two need two and three starts of its merging.
        (int Rows, int Vocabulary, int Count)[] shapes =
        [
            (1, 1, 1), (3, 2, 1), (2, 7, 7), (5, 383, 1), (2, 1000, 50), (1, 1023, 16), (3, 1024, 65), (2, 1025, 1), (1, 1024, 1024), (2, 2050, 1000),
            (1, 5003, 3), (17, 1100, 2), (2, 4100, 600), (1, 20000, 513),
        ];
        foreach ((int rows, int vocabulary, int count) in shapes)
        {
            foreach (string kind in (string[])["numbers", "ties", "gaps"])
            {
                string name = $"Top {count} of {rows} x {vocabulary} {kind}";
                yield return new OpCase($"{name}: logits and ids", 0, backend => Top(backend, rows, vocabulary, count, kind, 0, 2 * count));
                yield return new OpCase($"{name}: log-probabilities", Rounding, backend => Top(backend, rows, vocabulary, count, kind, 2 * count, 3 * count));
            }
        }

        foreach (float spoiler in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            yield return new OpCase($"Top beside {spoiler}", 0, backend =>
            {
                float[] values = Numbers.Spread(20, 3 * 1500);
                values.AsSpan(1500 + (float.IsNegativeInfinity(spoiler) ? 0 : 1400), float.IsNegativeInfinity(spoiler) ? 1500 : 1).Fill(spoiler);
                using Tensor logits = Tensor(backend, 3, 1500, values);
                using Tensor top = backend.Allocate(3, 12);
                backend.Top(top, logits);
                return [.. Enumerable.Range(0, 3).SelectMany(row => Values(backend, top).Skip(12 * row).Take(row == 1 ? 12 : 8))];
            });
        }
    }

    // Columns `from` to `to` of each row. Ties: fifteen different numbers, both zeros among them. Gaps: three of four are −∞, and large numbers.
    private static float[] Top(IBackend backend, int rows, int vocabulary, int count, string kind, int from, int to)
    {
        float[] values = Numbers.Spread(20, rows * vocabulary);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = kind switch
            {
                "ties" => MathF.Round(7 * values[i]) / 2,
                "gaps" => i % vocabulary > 0 && i % 4 != 0 ? float.NegativeInfinity : 90 * values[i],
                _ => values[i],
            };
        }

        using Tensor logits = Tensor(backend, rows, vocabulary, values);
        using Tensor top = backend.Allocate(rows, 3 * count);
        backend.Top(top, logits);
        return [.. Values(backend, top).Where((_, i) => i % (3 * count) >= from && i % (3 * count) < to)];
    }

    private static IEnumerable<OpCase> Moves()
    {
        yield return new OpCase("GatherRows", 0, backend =>
        {
            using Tensor x = Tensor(backend, 7, 21, Numbers.Spread(16, 147));
            using Tensor y = backend.Allocate(3, 21);
            backend.GatherRows(y, x, [6, 0, 6]);
            return Values(backend, y);
        });
        foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
        {
            // Numbers up to 1e5 leave the halves' range, and 1e-7 their normal range.
            foreach (float scale in new[] { 1f, 1e5f, 1e-7f, 1e-37f })
            {
                yield return new OpCase($"WritePage, CopyPage, ReadPage {format} ±{scale}", 0, backend =>
                {
                    using KvCache cache = backend.CreateKvCache(2, 3, 5, 3, 16, format);
                    backend.WritePage(cache, 2, Numbers.Spread(17, cache.PageLength, scale));
                    backend.CopyPage(cache, 0, 2);
                    var page = new float[cache.PageLength];
                    backend.ReadPage(cache, 0, page);
                    return page;
                });
            }

            foreach ((int heads, int dim) in new[] { (3, 5), (2, 16), (16, 7) })
            {
                yield return new OpCase($"StoreKeysValues, ReadPage {format} {heads} heads of {dim}", 0, backend =>
                {
                    using KvCache cache = backend.CreateKvCache(1, heads, dim, 2, 16, format);
                    backend.WritePage(cache, 1, Numbers.Spread(18, cache.PageLength));
                    using Tensor qkv = Tensor(backend, 9, 3 * heads * dim, Numbers.Spread(19, 27 * heads * dim));
                    var batch = new Batch();
                    batch.Add(new int[9], past: 5, [1]);
                    backend.StoreKeysValues(cache, 0, qkv, backend.Prepare(batch, null));
                    var page = new float[cache.PageLength];
                    backend.ReadPage(cache, 1, page);
                    return page;
                });
            }
        }
    }
}
