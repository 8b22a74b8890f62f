using Palmyra.Backends;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>
/// Operation cases that only a GPU can afford: products with more large tiles than any device has multiprocessors, which the table of all
/// backends never reaches, attention with heads as wide as GPT-J's over several chunks of keys, and the largest logits of GPT-2's vocabulary.
/// </summary>
internal static class LargeCases
{
    /// <summary>All of them; their names follow those of <see cref="OpCases"/>, which say the bounds.</summary>
    public static IReadOnlyList<OpCase> All { get; } = [.. Linears(), .. Attentions(), .. Tops()];

    private static IEnumerable<OpCase> Linears()
    {
        const int Rows = 500, Inputs = 200, Outputs = 5700;
        return
            from format in Enum.GetValues<MatrixFormat>()
            let bound = OpCases.All.Last(test => test.Name.StartsWith("Linear", StringComparison.Ordinal) && test.Name.Contains($" {format} ")).Bound
            select new OpCase($"Linear {Rows} x {Inputs} -> {Outputs} {format} GeluTanh bias residual", bound, backend =>
            {
                using Tensor x = OpCases.Tensor(backend, Rows, Inputs, Numbers.Spread(1, Rows * Inputs));
                using Matrix w = OpCases.Matrix(backend, Outputs, Inputs, 2, format);
                using Tensor bias = OpCases.Tensor(backend, 1, Outputs, Numbers.Spread(3, Outputs));
                using Tensor residual = OpCases.Tensor(backend, Rows, Outputs, Numbers.Spread(4, Rows * Outputs));
                backend.Linear(residual, x, w, bias, Activation.GeluTanh, residual);
                return OpCases.Values(backend, residual);
            });
    }

    private static IEnumerable<OpCase> Attentions() =>
        from format in Enum.GetValues<CacheFormat>()
        select new OpCase($"Attend 3 heads of 256 scaled by 0.0625, 700 tokens and one more {format}", 1e-12, backend =>
        {
            const int Tokens = 700, PageSize = 64;
            var shape = new AttentionShape(3, 256, 1 / 16f, 0);
            int[] pages = [.. Enumerable.Range(0, (Tokens / PageSize) + 1).Reverse()];
            using KvCache cache = backend.CreateKvCache(1, shape.Heads, shape.HeadDim, pages.Length, PageSize, format);
            return [.. Step(Tokens, 0), .. Step(1, Tokens)];

            float[] Step(int count, int past)
            {
                using Tensor qkv = OpCases.Tensor(backend, count, 3 * shape.Width, Numbers.Spread(12 + past, 3 * count * shape.Width));
                using Tensor y = backend.Allocate(count, shape.Width);
                var batch = new Batch();
                batch.Add(new int[count], past, pages);
                PreparedBatch prepared = backend.Prepare(batch, null);
                backend.StoreKeysValues(cache, 0, qkv, prepared);
                backend.Attend(y, qkv, cache, 0, prepared, shape, null);
                return OpCases.Values(backend, y);
            }
        });

    // The last bits of logits are cut off, so that there are ties.
    private static IEnumerable<OpCase> Tops() =>
        from wanted in new[] { 1, 50, 1024 }
        select new OpCase($"Top {wanted} of 8 x 50257: logits and ids", 0, backend =>
        {
            const int Rows = 8, Vocabulary = 50257;
            float[] values = [.. Numbers.Spread(20, Rows * Vocabulary, 4096).Select(value => MathF.Round(value))];
            using Tensor logits = OpCases.Tensor(backend, Rows, Vocabulary, values);
            using Tensor top = backend.Allocate(Rows, 3 * wanted);
            backend.Top(top, logits);
            return [.. OpCases.Values(backend, top).Where((_, i) => i % (3 * wanted) < 2 * wanted)];
        });
}
