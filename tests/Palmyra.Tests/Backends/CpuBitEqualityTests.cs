using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Testing;

namespace Palmyra.Tests.Backends;

/// <summary>The contract "same seed, same text": batch mix, chunking, cache, page size and threads never change a bit.</summary>
public class CpuBitEqualityTests
{
    [Theory]
    [InlineData(MatrixFormat.F32)]
    [InlineData(MatrixFormat.F16)]
    [InlineData(MatrixFormat.BF16)]
    [InlineData(MatrixFormat.Q8)]
    [InlineData(MatrixFormat.Q4)]
    public void Linear_of_many_rows_is_linear_of_each_at_every_width(MatrixFormat format)
    {
        // 901 inputs are three depth blocks, an odd one and 29 groups, the last cut; 100 outputs end inside a panel at every width.
        const int Inputs = 901;
        const int Outputs = 100;
        float[]? first = null;
        foreach (VectorWidth width in Enum.GetValues<VectorWidth>())
        {
            using var backend = new CpuBackend(new CpuOptions { Threads = 2, VectorWidth = width });
            using Matrix w = OpCases.Matrix(backend, Outputs, Inputs, 1, format);
            using Tensor bias = OpCases.Tensor(backend, 1, Outputs, Numbers.Spread(2, Outputs));
            float[] inputs = Numbers.Spread(3, 20 * Inputs);
            float[] singles = [.. Enumerable.Range(0, 20).SelectMany(row => Linear(backend, w, bias, inputs[(row * Inputs)..((row + 1) * Inputs)]))];
            Bits.Equal(first ??= singles, singles);
            for (int rows = 2; rows <= (width == VectorWidth.Bits512 ? 20 : 11); rows++)
            {
                Bits.Equal(singles.AsSpan(0, rows * Outputs), Linear(backend, w, bias, inputs[..(rows * Inputs)]));
            }
        }

        static float[] Linear(CpuBackend backend, Matrix w, Tensor bias, float[] inputs)
        {
            int rows = inputs.Length / Inputs;
            using Tensor x = OpCases.Tensor(backend, rows, Inputs, inputs);
            // Every row has the same residual, or rows could not be compared.
            using Tensor y = OpCases.Tensor(backend, rows, Outputs, [.. Enumerable.Range(0, rows).SelectMany(_ => Numbers.Spread(4, Outputs))]);
            backend.Linear(y, x, w, bias, Activation.GeluTanh, y);
            return OpCases.Values(backend, y);
        }
    }

    [Theory]
    [InlineData(MatrixFormat.F32, 517)]
    [InlineData(MatrixFormat.F16, 257)]
    [InlineData(MatrixFormat.BF16, 259)]
    [InlineData(MatrixFormat.Q8, 258)]
    [InlineData(MatrixFormat.Q4, 259)]
    [InlineData(MatrixFormat.Q4, 517)]
    public void Linear_of_several_row_blocks_is_linear_of_each(MatrixFormat format, int rows)
    {
        // A block has 256 rows; the last one here is a few.
        using var backend = new CpuBackend(new CpuOptions { Threads = 3 });
        using Matrix w = OpCases.Matrix(backend, 60, 40, 1, format);
        float[] inputs = Numbers.Spread(3, rows * 40);
        using Tensor x = OpCases.Tensor(backend, rows, 40, inputs);
        using Tensor y = backend.Allocate(rows, 60);
        backend.Linear(y, x, w, null, Activation.None, null);
        float[] together = OpCases.Values(backend, y);
        x.Rows = y.Rows = 1;
        foreach (int row in Enumerable.Range(0, rows).Where(row => row % 43 == 0 || row >= 250))
        {
            backend.Write(x, inputs.AsSpan(row * 40, 40));
            backend.Linear(y, x, w, null, Activation.None, null);
            Bits.Equal(together.AsSpan(row * 60, 60), OpCases.Values(backend, y));
        }
    }

    public static TheoryData<int, int, CacheFormat> Pages
    {
        get
        {
            var data = new TheoryData<int, int, CacheFormat>();
            foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
            {
                data.Add(0, 16, format);
                data.Add(0, 64, format);
                data.Add(9, 16, format);
                data.Add(40, 48, format);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Attention_in_any_chunks_through_any_pages_is_one_full_pass(int window, int pageSize, CacheFormat format)
    {
        var shape = new AttentionShape(2, 20, 0.25f, window);
        const int Length = 90;
        float[] rows = Numbers.Spread(5, Length * 3 * shape.Width);
        using var first = new CpuBackend(new CpuOptions { Threads = 1, VectorWidth = VectorWidth.Bits128 });
        float[] full = FullPass(first, shape, rows, format);
        foreach (VectorWidth width in Enum.GetValues<VectorWidth>())
        {
            using var backend = new CpuBackend(new CpuOptions { Threads = 2, VectorWidth = width });
            int[][] cuts = [[90], [1, 89], [16, 16, 58], [33, 1, 1, 1, 5, 49], [.. Enumerable.Repeat(1, Length)]];
            foreach (int[] cut in cuts)
            {
                Bits.Equal(full, Chunked(backend, shape, rows, cut, pageSize, format));
            }
        }
    }

    [Theory]
    [InlineData(CacheFormat.F32)]
    [InlineData(CacheFormat.F16)]
    [InlineData(CacheFormat.Q8)]
    public void Attention_in_a_mixed_batch_is_attention_alone(CacheFormat format)
    {
        // Three sequences: one prefilling in chunks, one decoding, one starting; each against its own full pass.
        var shape = new AttentionShape(3, 16, 0.25f, 0);
        int width = 3 * shape.Width;
        using var backend = new CpuBackend(new CpuOptions { Threads = 2 });
        float[][] sequences = [Numbers.Spread(6, 70 * width), Numbers.Spread(7, 41 * width), Numbers.Spread(8, 5 * width)];
        (int Sequence, int Past, int Count)[][] steps =
        [
            [(1, 0, 38), (0, 0, 30)],
            [(0, 30, 21), (1, 38, 1), (2, 0, 5)],
            [(1, 39, 2), (0, 51, 19)],
        ];
        int[][] pages = [[7, 2, 0, 5, 9], [1, 8, 3], [4]];
        float[][] results = [new float[70 * shape.Width], new float[41 * shape.Width], new float[5 * shape.Width]];
        using KvCache cache = backend.CreateKvCache(1, shape.Heads, shape.HeadDim, 10, 16, format);
        FillWithNaN(backend, cache);
        var batch = new Batch();
        PreparedBatch? prepared = null;
        foreach ((int Sequence, int Past, int Count)[] step in steps)
        {
            batch.Clear();
            List<float> input = [];
            foreach ((int sequence, int past, int count) in step)
            {
                batch.Add(new int[count], past, pages[sequence].AsSpan(0, (past + count + 15) / 16));
                input.AddRange(sequences[sequence].AsSpan(past * width, count * width));
            }

            prepared = backend.Prepare(batch, prepared);
            using Tensor qkv = OpCases.Tensor(backend, batch.Rows, width, [.. input]);
            using Tensor y = backend.Allocate(batch.Rows, shape.Width);
            backend.StoreKeysValues(cache, 0, qkv, prepared);
            backend.Attend(y, qkv, cache, 0, prepared, shape, null);
            float[] output = OpCases.Values(backend, y);
            int at = 0;
            foreach ((int sequence, int past, int count) in step)
            {
                output.AsSpan(at, count * shape.Width).CopyTo(results[sequence].AsSpan(past * shape.Width));
                at += count * shape.Width;
            }
        }

        for (int i = 0; i < sequences.Length; i++)
        {
            Bits.Equal(FullPass(backend, shape, sequences[i], format), results[i]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Score_of_many_rows_is_score_of_each_whatever_the_threads(int threads)
    {
        const int Rows = 13;
        const int Width = 48;
        const int Vocabulary = 1200;
        using var backend = new CpuBackend(new CpuOptions { Threads = threads });
        using var single = new CpuBackend(new CpuOptions { Threads = 1, VectorWidth = VectorWidth.Bits256 });
        float[] rows = Numbers.Spread(9, Rows * Width);
        int[] targets = [.. Enumerable.Range(0, Rows).Select(row => row * 97 % Vocabulary)];
        float[] together = Score(backend, rows, targets);
        for (int row = 0; row < Rows; row++)
        {
            float[] alone = Score(single, rows[(row * Width)..((row + 1) * Width)], targets[row..(row + 1)]);
            Bits.Equal(alone, [together[row], together[Rows + row]]);
        }

        static float[] Score(CpuBackend backend, float[] rows, int[] targets)
        {
            using Matrix head = OpCases.Matrix(backend, Vocabulary, Width, 10, MatrixFormat.F32);
            using Tensor x = OpCases.Tensor(backend, targets.Length, Width, rows);
            using Tensor logProb = backend.Allocate(targets.Length, 1);
            using Tensor best = backend.Allocate(targets.Length, 1);
            backend.Score(logProb, best, x, head, null, targets);
            return [.. OpCases.Values(backend, logProb), .. OpCases.Values(backend, best)];
        }
    }

    [Fact]
    public void Score_names_the_lowest_index_of_equal_logits()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 2 });
        using Matrix head = backend.LoadMatrix(
            Palmyra.Checkpoints.WeightView.FromArray("head", 800, 1, [.. Enumerable.Range(0, 800).Select(i => i is 37 or 41 or 500 ? 2f : 1f)]), MatrixFormat.F32);
        using Tensor x = OpCases.Tensor(backend, 1, 1, [1]);
        using Tensor logProb = backend.Allocate(1, 1);
        using Tensor best = backend.Allocate(1, 1);
        backend.Score(logProb, best, x, head, null, [0]);
        Assert.Equal(37, OpCases.Values(backend, best)[0]);
    }

    [Fact]
    public void Row_operations_do_not_see_other_rows()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 2 });
        const int Cols = 333;
        float[] values = Numbers.Spread(11, 90 * Cols, 3);
        using Tensor x = OpCases.Tensor(backend, 90, Cols, values);
        using Tensor gain = OpCases.Tensor(backend, 1, Cols, Numbers.Spread(12, Cols));
        using Tensor y = backend.Allocate(90, Cols);
        backend.LayerNorm(y, x, gain, gain, 1e-5f, null);
        backend.Activate(y, y, Activation.GeluErf);
        float[] together = OpCases.Values(backend, y);
        x.Rows = y.Rows = 1;
        for (int row = 0; row < 90; row += 7)
        {
            backend.Write(x, values.AsSpan(row * Cols, Cols));
            backend.LayerNorm(y, x, gain, gain, 1e-5f, null);
            backend.Activate(y, y, Activation.GeluErf);
            Bits.Equal(together.AsSpan(row * Cols, Cols), OpCases.Values(backend, y));
        }
    }

    /// <summary>One pass over all rows: without a cache, or in one page where the cache rounds.</summary>
    private static float[] FullPass(CpuBackend backend, AttentionShape shape, float[] rows, CacheFormat format)
    {
        int length = rows.Length / (3 * shape.Width);
        if (format != CacheFormat.F32)
        {
            return Chunked(backend, shape, rows, [length], pageSize: 96, format);
        }

        var batch = new Batch();
        batch.Add(new int[length], past: 0, []);
        using Tensor qkv = OpCases.Tensor(backend, length, 3 * shape.Width, rows);
        using Tensor y = backend.Allocate(length, shape.Width);
        backend.Attend(y, qkv, null, 0, backend.Prepare(batch, null), shape, null);
        return OpCases.Values(backend, y);
    }

    private static float[] Chunked(CpuBackend backend, AttentionShape shape, float[] rows, int[] counts, int pageSize, CacheFormat format)
    {
        int width = 3 * shape.Width;
        int length = counts.Sum();
        int[] pages = [.. Enumerable.Range(0, (length + pageSize - 1) / pageSize).Reverse()];
        using KvCache cache = backend.CreateKvCache(1, shape.Heads, shape.HeadDim, pages.Length, pageSize, format);
        FillWithNaN(backend, cache);
        List<float> result = [];
        int past = 0;
        foreach (int count in counts)
        {
            var batch = new Batch();
            batch.Add(new int[count], past, pages.AsSpan(0, (past + count + pageSize - 1) / pageSize));
            PreparedBatch prepared = backend.Prepare(batch, null);
            using Tensor qkv = OpCases.Tensor(backend, count, width, rows[(past * width)..((past + count) * width)]);
            using Tensor y = backend.Allocate(count, shape.Width);
            backend.StoreKeysValues(cache, 0, qkv, prepared);
            backend.Attend(y, qkv, cache, 0, prepared, shape, null);
            result.AddRange(OpCases.Values(backend, y));
            past += count;
        }

        return [.. result];
    }

    /// <summary>Slots never stored may hold anything; NaN is what would show.</summary>
    private static void FillWithNaN(CpuBackend backend, KvCache cache)
    {
        var values = new float[cache.PageLength];
        Array.Fill(values, float.NaN);
        for (int page = 0; page < cache.Pages; page++)
        {
            backend.WritePage(cache, page, values);
        }
    }
}
