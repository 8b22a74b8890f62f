using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Quantization;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests;

/// <summary>What the table of cases does not reach: long pasts, many tiles of a vocabulary, every number of rows, memory.</summary>
public sealed class GpuBackendTests
{
    [Theory]
    [InlineData(CacheFormat.F32, 0)]
    [InlineData(CacheFormat.F16, 0)]
    [InlineData(CacheFormat.Q8, 0)]
    [InlineData(CacheFormat.F32, 150)]
    [InlineData(CacheFormat.F32, 3)]
    public void Rows_with_a_long_past_attend_in_chunks(CacheFormat format, int window)
    {
        AssertSame(1e-12, backend =>
        {
            const int Heads = 2;
            const int Dim = 20;
            const int Width = Heads * Dim;
            using KvCache cache = backend.CreateKvCache(1, Heads, Dim, 32, 16, format);
            int[] first = [.. Enumerable.Range(0, 20).Select(page => (page * 7) % 32)];
            int[] second = [.. Enumerable.Range(20, 3).Select(page => (page * 7) % 32)];
            var batch = new Batch();
            batch.Add(new int[300], 0, first);
            batch.Add(new int[30], 0, second);
            Store(backend, cache, batch, 1);

            // One, three and nine new tokens: chunks, a row without a past, and tiles that begin in the middle of a sequence.
            var values = new List<float>();
            (int Past, int Count, int[] Pages)[][] steps = [[(300, 1, first), (30, 3, second)], [(301, 9, first), (33, 1, second)]];
            PreparedBatch? prepared = null;
            foreach ((int Past, int Count, int[] Pages)[] step in steps)
            {
                batch.Clear();
                foreach ((int past, int count, int[] pages) in step)
                {
                    batch.Add(new int[count], past, pages);
                }

                prepared = backend.Prepare(batch, prepared);
                using Tensor qkv = OpCases.Tensor(backend, batch.Rows, 3 * Width, Numbers.Spread(2 + values.Count, batch.Rows * 3 * Width));
                using Tensor y = backend.Allocate(batch.Rows, Width);
                using Tensor logSum = backend.Allocate(batch.Rows, Heads);
                backend.StoreKeysValues(cache, 0, qkv, prepared);
                backend.Attend(y, qkv, cache, 0, prepared, new AttentionShape(Heads, Dim, 0.7f, window), logSum);
                values.AddRange(OpCases.Values(backend, y));
                values.AddRange(OpCases.Values(backend, logSum));
            }

            return [.. values];
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(80)]
    [InlineData(129)]
    [InlineData(256)]
    public void Heads_have_up_to_256_numbers(int dim)
    {
        AssertSame(1e-12, backend =>
        {
            using Tensor qkv = OpCases.Tensor(backend, 21, 3 * dim, Numbers.Spread(3, 63 * dim));
            using Tensor y = backend.Allocate(21, dim);
            var batch = new Batch();
            batch.Add(new int[19], 0, []);
            batch.Add(new int[2], 0, []);
            backend.Attend(y, qkv, null, 0, backend.Prepare(batch, null), new AttentionShape(1, dim, 0.2f, 0), null);
            return OpCases.Values(backend, y);
        });
        using IBackend gpu = Gpu();
        Assert.Contains("up to 256", Assert.Throws<BackendException>(() => gpu.CreateKvCache(1, 1, 257, 1, 16, CacheFormat.F32)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_number_of_rows_gives_the_same()
    {
        foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
        {
            // Two brain floats have 16 digits, two halves more than a float.
            AssertSame(format == MatrixFormat.BF16 ? 1e-10 : 1e-12, backend =>
            {
                using Matrix w = OpCases.Matrix(backend, 6, 70, 1, format);
                using Tensor x = OpCases.Tensor(backend, 18, 70, Numbers.Spread(2, 18 * 70));
                using Tensor y = backend.Allocate(18, 6);
                var values = new List<float>();
                for (int rows = 0; rows <= 18; rows++)
                {
                    (x.Rows, y.Rows) = (rows, rows);
                    backend.Linear(y, x, w, null, Activation.None, null);
                    values.AddRange(OpCases.Values(backend, y));
                }

                return [.. values];
            });
        }
    }

    [Fact]
    public void Scores_are_the_same_over_many_tiles()
    {
        float[] Run(IBackend backend)
        {
            // Rows 70 and 900 are the same and give the first row of x its largest logit: the lower index counts.
            float[] weights = Numbers.Spread(1, 1000 * 12);
            weights.AsSpan(12 * 70, 12).Fill(2);
            weights.AsSpan(12 * 900, 12).Fill(2);
            using Matrix head = backend.LoadMatrix(WeightView.FromArray("head", 1000, 12, weights), MatrixFormat.F32);
            using Tensor x = OpCases.Tensor(backend, 3, 12, [.. weights.AsSpan(12 * 70, 12), .. Numbers.Spread(2, 24)]);
            using Tensor logProb = backend.Allocate(3, 1);
            using Tensor best = backend.Allocate(3, 1);
            backend.Score(logProb, best, x, head, null, [70, 0, 999]);
            return [.. OpCases.Values(backend, logProb), .. OpCases.Values(backend, best)];
        }

        using var reference = new CheckedBackend(new ReferenceBackend());
        using var gpu = new CheckedBackend(InterpretedGpu.Create(logits: 3 * 64));
        float[] actual = Run(gpu);
        Assert.InRange(Numbers.SquaredError(Run(reference), actual), 0, 1e-12);
        Assert.Equal(70, actual[3]);
    }

    [Theory]
    [InlineData(MatrixFormat.BF16)]
    [InlineData(MatrixFormat.Q4)]
    public void Scoring_rounds_its_rows_once_for_all_tiles(MatrixFormat format)
    {
        const int Rows = 300;
        using var driver = new PtxDriver();
        using var gpu = new CheckedBackend(InterpretedGpu.Create(driver, logits: 256 * 64));
        using Matrix head = OpCases.Matrix(gpu, 150, 32, 1, format);
        using Tensor x = OpCases.Tensor(gpu, Rows, 32, Numbers.Spread(2, Rows * 32));
        using Tensor logProb = gpu.Allocate(Rows, 1);
        gpu.Score(logProb, null, x, head, null, new int[Rows]);
        gpu.Synchronize();

        // Two groups of rows, three tiles of 64.
        Assert.Equal(2, Launches("Round"));
        Assert.Equal(6, Launches("Multiply"));
        Assert.Equal(6, Launches("Score"));

        int Launches(string name) => driver.Statistics.Where(one => one.Key.StartsWith(name, StringComparison.Ordinal)).Sum(one => one.Value.Launches);
    }

    [Fact]
    public void Q8_and_Q4_integers_are_the_CPUs()
    {
        // Columns whose largest number is negative, groups of zeros, a last group cut short.
        foreach (MatrixFormat format in new[] { MatrixFormat.Q8, MatrixFormat.Q4 })
        {
            AssertSame(0, backend =>
            {
                float[] values = Numbers.Spread(7, 35 * 75);
                values.AsSpan(75, 32).Clear();
                using Matrix w = backend.LoadMatrix(WeightView.FromArray("w", 35, 75, values), format);
                var stored = new float[35 * 75];
                backend.ReadMatrix(w, stored);
                return stored;
            });
        }
    }

    [Fact]
    public void Panels_are_given_back_as_the_CPU_has_them()
    {
        foreach (MatrixFormat format in new[] { MatrixFormat.Q8, MatrixFormat.Q4 })
        {
            using IBackend gpu = Gpu();
            using var cpu = new CpuBackend(new CpuOptions { Threads = 1 });
            using Matrix actual = OpCases.Matrix(gpu, 35, 75, 7, format);
            using Matrix expected = OpCases.Matrix(cpu, 35, 75, 7, format);
            var whole = new byte[PanelLayout.Bytes(format, 35, 75)];
            Assert.True(expected.TryCopyPanels(0, whole));
            foreach ((int from, int count) in new[] { (0, whole.Length), (1, 100), ((whole.Length / 3) - 5, 11), (whole.Length - 1, 1) })
            {
                var part = new byte[count];
                Assert.True(actual.TryCopyPanels(from, part));
                Assert.Equal(whole.AsSpan(from, count).ToArray(), part);
            }
        }

        using IBackend other = Gpu();
        using Matrix floats = OpCases.Matrix(other, 2, 3, 1, MatrixFormat.F16);
        Assert.False(floats.TryCopyPanels(0, new byte[1]));
    }

    [Theory]
    [InlineData(MatrixFormat.F32)]
    [InlineData(MatrixFormat.BF16)]
    public void Inputs_first_is_read_as_outputs_first(MatrixFormat format)
    {
        const int Rows = 37;
        const int Cols = 11;
        float[] values = Numbers.Spread(3, Rows * Cols);
        var turned = new float[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            turned[(i % Cols * Rows) + (i / Cols)] = values[i];
        }

        long[] shape = [Cols, Rows];
        var tensor = new TensorView("w", ElementType.F32, shape, TensorView.RowMajor(shape), ByteSource.Of(turned), 0, "memory");
        using IBackend gpu = Gpu();
        using Matrix straight = gpu.LoadMatrix(WeightView.FromArray("w", Rows, Cols, values), format);
        using Matrix read = gpu.LoadMatrix(WeightView.Of(tensor, transposed: true), format);
        var (expected, actual) = (new float[values.Length], new float[values.Length]);
        gpu.ReadMatrix(straight, expected);
        gpu.ReadMatrix(read, actual);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void A_row_that_was_NaN_leaves_nothing_behind()
    {
        // Rows are padded with zeros that sums run over: no operation may put a NaN there.
        using IBackend gpu = Gpu();
        using Matrix narrow = OpCases.Matrix(gpu, 5, 5, 1, MatrixFormat.F16);
        using Matrix wide = OpCases.Matrix(gpu, 5, 5, 1, MatrixFormat.F32);
        using Tensor gain = OpCases.Tensor(gpu, 1, 5, Numbers.Spread(2, 5));
        var batch = new Batch();
        batch.Add(new int[20], 0, []);
        foreach (int rows in new[] { 2, 20 })
        {
            using Tensor x = gpu.Allocate(rows, 5);
            using Tensor y = gpu.Allocate(rows, 5);
            using Tensor z = gpu.Allocate(rows, 5);
            using Tensor qkv = gpu.Allocate(20, 15);
            using Tensor attended = gpu.Allocate(20, 5);
            foreach (bool spoiled in new[] { true, false })
            {
                float[] values = Numbers.Spread(3, rows * 5);
                values[0] = spoiled ? float.NaN : 1;
                gpu.Write(x, values);
                gpu.LayerNorm(y, x, gain, gain, 1e-5f, null);
                gpu.Activate(y, y, Activation.GeluErf);
                gpu.Linear(z, y, narrow, null, Activation.None, null);
                gpu.Linear(y, z, wide, gain, Activation.GeluTanh, null);
                gpu.Linear(z, y, narrow, null, Activation.None, z);
                Assert.Equal(spoiled, OpCases.Values(gpu, z).Any(float.IsNaN));
                gpu.Write(qkv, [.. Enumerable.Repeat(spoiled ? float.NaN : 1, 300)]);
                gpu.Attend(attended, qkv, null, 0, gpu.Prepare(batch, null), new AttentionShape(1, 5, 1, 0), null);
                gpu.Linear(qkv, attended, OpCases.Matrix(gpu, 15, 5, 1, MatrixFormat.F32), null, Activation.None, null);
                Assert.Equal(spoiled, OpCases.Values(gpu, qkv).Any(float.IsNaN));
                if (spoiled)
                {
                    // The residual brought it along; the rows themselves are the caller's to renew.
                    gpu.Write(z, new float[rows * 5]);
                }
            }
        }
    }

    [Fact]
    public void A_number_beyond_F16_is_refused_by_name()
    {
        using IBackend gpu = Gpu();
        var weight = WeightView.FromArray("w", 1, 2, [1, 70000]);
        Assert.Equal(
            "Weight 'w' holds 70000, beyond the range of F16 (±65504); load the model as bf16 or f32 instead.",
            Assert.Throws<BackendException>(() => gpu.LoadMatrix(weight, MatrixFormat.F16)).Message);
    }

    [Fact]
    public void A_step_whose_sizes_were_seen_allocates_nothing_on_the_device()
    {
        using var driver = new PtxDriver();
        using var gpu = new CheckedBackend(InterpretedGpu.Create(driver));
        using KvCache cache = gpu.CreateKvCache(1, 2, 8, 4, 16, CacheFormat.F32);
        using Tensor qkv = gpu.Allocate(2, 48);
        using Tensor y = gpu.Allocate(2, 16);
        var batch = new Batch();
        PreparedBatch? prepared = null;
        int before = 0;
        for (int step = 0; step < 3; step++)
        {
            batch.Clear();
            batch.Add([step], step, [0, 1]);
            batch.Add([step], step, [2, 3]);
            prepared = gpu.Prepare(batch, prepared);
            gpu.Rotate(qkv, prepared, new AttentionShape(2, 8, 1, 0), 4);
            gpu.StoreKeysValues(cache, 0, qkv, prepared);
            gpu.Attend(y, qkv, cache, 0, prepared, new AttentionShape(2, 8, 1, 0), null);
            gpu.GatherRows(y, y, [0, 1]);
            Assert.True(step == 0 || driver.Allocations == before);
            before = driver.Allocations;
        }
    }

    [Fact]
    public void A_step_can_be_recorded_and_done_again_with_the_next_tokens()
    {
        using var driver = new PtxDriver();
        using IBackend gpu = InterpretedGpu.Create(driver, graphs: false);
        using KvCache cache = gpu.CreateKvCache(1, 2, 8, 4, 16, CacheFormat.F16);
        using Matrix table = OpCases.Matrix(gpu, 50, 16, 1, MatrixFormat.Q4);
        using Matrix projection = OpCases.Matrix(gpu, 48, 16, 2, MatrixFormat.Q8);
        using Tensor x = gpu.Allocate(2, 16);
        using Tensor qkv = gpu.Allocate(2, 48);
        using Tensor gain = OpCases.Tensor(gpu, 1, 16, Numbers.Spread(3, 16));
        var shape = new AttentionShape(2, 8, 0.5f, 0);
        var batch = new Batch();
        PreparedBatch? prepared = null;
        void Prepare(int token)
        {
            batch.Clear();
            batch.Add([token], token, [0, 1]);
            batch.Add([2 * token], token, [2, 3]);
            prepared = gpu.Prepare(batch, prepared);
        }

        void Step()
        {
            gpu.Embed(x, table, null, prepared!);
            gpu.LayerNorm(x, x, gain, gain, 1e-5f, null);
            gpu.Linear(qkv, x, projection, null, Activation.GeluTanh, null);
            gpu.Rotate(qkv, prepared!, shape, 4);
            gpu.StoreKeysValues(cache, 0, qkv, prepared!);
            gpu.Attend(x, qkv, cache, 0, prepared!, shape, null);
        }

        Prepare(0);
        Step();
        Prepare(1);
        driver.BeginCapture();
        Step();
        using GpuGraph graph = driver.EndCapture();
        for (int token = 1; token < 5; token++)
        {
            Prepare(token);
            driver.Replay(graph);
            float[] replayed = OpCases.Values(gpu, x);
            Step();
            Assert.Equal(OpCases.Values(gpu, x), replayed);
        }
    }

    [Fact]
    public void Too_little_memory_is_said_with_numbers()
    {
        using var driver = new PtxDriver { FreeBytes = 1 << 20 };
        using IBackend gpu = new CheckedBackend(InterpretedGpu.Create(driver));
        string message = Assert.Throws<BackendException>(() => gpu.Allocate(1 << 14, 1 << 14)).Message;
        Assert.Contains($"{1L << 30}", message, StringComparison.Ordinal);
        Assert.Contains($"{1 << 20}", message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_says_what_it_runs_on()
    {
        using IBackend gpu = Gpu();
        Assert.Equal("gpu (Interpreter of PTX, sm_90)", gpu.Description);
    }

    private static void Store(IBackend backend, KvCache cache, Batch batch, int seed)
    {
        int width = 3 * cache.Heads * cache.HeadDim;
        using Tensor qkv = OpCases.Tensor(backend, batch.Rows, width, Numbers.Spread(seed, batch.Rows * width));
        backend.StoreKeysValues(cache, 0, qkv, backend.Prepare(batch, null));
    }

    private static CheckedBackend Gpu() => new(InterpretedGpu.Create(precision: GemmPrecision.Exact));

    private static void AssertSame(double bound, Func<IBackend, float[]> run)
    {
        using var reference = new CheckedBackend(new ReferenceBackend());
        using CheckedBackend gpu = Gpu();
        double error = Numbers.SquaredError(run(reference), run(gpu));
        Assert.True(error <= bound, $"Normalised squared error {error:G3}, allowed {bound:G3}.");
    }
}
