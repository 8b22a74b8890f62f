using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests;

/// <summary>The law of fused steps: memory holds what the separate launches would leave, to the bit.</summary>
public sealed class FusedStepTests
{
    public static TheoryData<string, MatrixFormat, CacheFormat> Models()
    {
        var data = new TheoryData<string, MatrixFormat, CacheFormat>();
        CacheFormat[] caches = Enum.GetValues<CacheFormat>();
        int number = 0;
        foreach (string folder in new[] { "gpt2", "gpt-neo", "gptj" })
        {
            foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
            {
                data.Add(folder, format, caches[number++ % caches.Length]);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Whole_models_are_the_same(string folder, MatrixFormat format, CacheFormat cache)
    {
        List<float[]> Run(bool fused)
        {
            var driver = new PtxDriver();
            using var gpu = new CheckedBackend(InterpretedGpu.Create(driver, fused: fused));
            using var model = new DecodedModel(gpu, folder, sequences: 6, context: 48, format: format, cache: cache, layers: 2);
            List<float[]> values = [];

            // Pasts of many lengths, one to six rows, then steps of several tokens each: four rows of one sequence, twelve of six.
            foreach ((int sequences, int count) in new[] { (3, 7), (1, 1), (2, 1), (3, 1), (4, 1), (6, 1), (1, 4), (6, 2), (1, 1) })
            {
                values.Add(model.Step(sequences, count));
                values.Add(model.Memory());
            }

            Assert.Equal(fused, driver.Statistics.Keys.Any(name => name.Contains("NormedInputs", StringComparison.Ordinal)));
            Assert.Equal(
                fused && (cache != CacheFormat.Q8 || folder == "gptj"),
                driver.Statistics.Keys.Any(name => name.Contains("StoredInputs", StringComparison.Ordinal)));
            return values;
        }

        Assert.Equal(Run(fused: false).Select(Bits), Run(fused: true).Select(Bits));
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("gptj")]
    public void Graphs_of_fused_steps_are_the_same(string folder)
    {
        List<float[]> Run(bool fused, bool graphs)
        {
            using var driver = new WatchedDriver();
            using var gpu = new CheckedBackend(InterpretedGpu.Create(driver, graphs: graphs, fused: fused));
            using var model = new DecodedModel(gpu, folder, sequences: 2);
            List<float[]> values = [model.Step(2, 5)];
            for (int step = 0; step < 10; step++)
            {
                values.Add(model.Step(1 + (step % 2)));
            }

            // Each of two sizes is launched one by one twice: the first time the numbers of its rows are uploaded between launches.
            Assert.Equal(graphs ? 6 : 0, driver.Count("Replay"));
            values.Add(model.Memory());
            return values;
        }

        Assert.Equal(Run(fused: false, graphs: false).Select(Bits), Run(fused: true, graphs: true).Select(Bits));
    }

    [Theory]
    [InlineData("gpt2", 1, CacheFormat.F32, 5, 8)]
    [InlineData("gpt-neo", 4, CacheFormat.F16, 5, 8)]
    [InlineData("gpt-neo", 5, CacheFormat.F16, 5, 8, 7)]
    [InlineData("gpt2", 2, CacheFormat.Q8, 5, 8, 6)]
    [InlineData("gptj", 1, CacheFormat.F16, 4, 8)]
    [InlineData("gptj", 6, CacheFormat.F32, 4, 8, 6)]
    [InlineData("gptj", 3, CacheFormat.Q8, 4, 8, 6)]
    public void A_layer_takes_five_launches(string folder, int sequences, CacheFormat cache, int others, int separate, int fused = 5)
    {
        // Others: tokens, positions where they are learned, the last norm, gathering, head. A layer: what is counted, attention included.
        foreach (int layers in new[] { 1, 3 })
        {
            Assert.Equal(others + (separate * layers), Launches(false));
            Assert.Equal(others + (fused * layers), Launches(true));

            long Launches(bool fuses)
            {
                using GpuBackend gpu = InterpretedGpu.Create(graphs: false, fused: fuses);
                using var model = new DecodedModel(new CheckedBackend(gpu), folder, sequences, context: 16, cache: cache, layers: layers);

                // The first step allocates rows between its launches.
                model.Step(sequences);
                long before = gpu.Driver.Launches;
                model.Step(sequences);
                return gpu.Driver.Launches - before;
            }
        }
    }

    // With joined multiplications and additions too, as an assembler may join them.
    [Theory]
    [InlineData(MatrixFormat.F32, false)]
    [InlineData(MatrixFormat.F32, true)]
    [InlineData(MatrixFormat.F16, false)]
    [InlineData(MatrixFormat.F16, true)]
    [InlineData(MatrixFormat.BF16, false)]
    [InlineData(MatrixFormat.BF16, true)]
    [InlineData(MatrixFormat.Q8, false)]
    [InlineData(MatrixFormat.Q8, true)]
    [InlineData(MatrixFormat.Q4, false)]
    [InlineData(MatrixFormat.Q4, true)]
    public void Operations_are_the_same(MatrixFormat format, bool contracts)
    {
        // Widths with tails of a piece, a step and a group; teams of 32, 64 and 128 threads.
        foreach (int cols in new[] { 20, 44, 333, 1030, 2100 })
        {
            for (int rows = 1; rows <= 5; rows++)
            {
                CacheFormat cache = rows % 2 == 0 ? CacheFormat.F32 : CacheFormat.F16;
                var shape = new FusedShape(format, cache, rows, cols, Heads: 3, HeadDim: 4 * (1 + (rows % 3)), Dims: 2 + (2 * (rows % 2)));
                AssertSame(shape, rows <= FusedGemv.MostNormedRows ? 2 : 4, new PtxDriver { Contracts = contracts });
            }
        }
    }

    [Theory]
    [InlineData(8, 4, 8)]
    [InlineData(11, 12, 10)]
    [InlineData(16, 20, 2)]
    public void More_rows_turn_and_store_alike(int rows, int headDim, int dims)
    {
        foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>().Where(format => rows <= GemmPlan.MostGemvRows(format)))
        {
            AssertSame(new FusedShape(format, CacheFormat.F16, rows, 72, Heads: 2, headDim, Math.Min(dims, headDim)), 4);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Blocks_that_go_many_rounds_are_the_same(bool reverse)
    {
        // A multiprocessor runs eight blocks of four teams of 32, four of 64, two of 128: 128, 64 or 32 outputs a round, the last round not full.
        var device = new GpuDevice(0, "One multiprocessor", 9, 0, 8L << 30, 1, 232448, 13000);
        foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
        {
            foreach (int cols in new[] { 50, 2060 })
            {
                var shape = new FusedShape(format, CacheFormat.F16, 2, cols, Heads: 4, HeadDim: 20, Dims: 12);
                AssertSame(shape, 2, new PtxDriver(device) { ReverseBlocks = reverse });
            }
        }
    }

    [Fact]
    public void Blocks_that_norm_are_as_many_as_registers_leave_room_for()
    {
        // Teams of 128: blocks of 512 threads, of which 65,536 registers hold two at 64 a thread, and one at 65. Each block reads all that is normed.
        var device = new GpuDevice(0, "One multiprocessor", 9, 0, 8L << 30, 1, 232448, 13000);
        (long Read, float[] Memory) Run(int registers)
        {
            var driver = new PtxDriver(device) { Registers = registers };
            using GpuBackend gpu = InterpretedGpu.Create(driver);
            (float[] memory, _) = new FusedShape(MatrixFormat.BF16, CacheFormat.F16, 1, 2060, Heads: 4, HeadDim: 20, Dims: 12).Run(gpu);
            return (driver.Statistics.Values.Where(kernel => kernel.Kernel.Contains("NormedInputs", StringComparison.Ordinal)).Sum(kernel => kernel.GlobalBytesRead), memory);
        }

        (long two, float[] expected) = Run(64);
        (long one, float[] actual) = Run(65);
        Assert.Equal(Bits(expected), Bits(actual));
        Assert.Equal(Run(0).Read, two);

        // Two launches, each with a block less: source three times, gain and bias once.
        Assert.InRange(two - one, 2 * 5 * 2060 * sizeof(float), 2 * 5 * (2060 + 8) * sizeof(float));
    }

    [Fact]
    public void Rows_that_do_not_fit_shared_memory_are_normed_apart()
    {
        // A device of 99 KB a block: 3,000 columns of F32 take 12 KB a row, and two blocks must find room.
        var device = new GpuDevice(0, "Small shared memory", 8, 6, 8L << 30, 82, 101376, 13000);
        AssertSame(new FusedShape(MatrixFormat.F32, CacheFormat.F32, 3, 3000, 1, 8, 4), 2, new PtxDriver(device));
        AssertSame(new FusedShape(MatrixFormat.F32, CacheFormat.F32, 4, 3000, 1, 8, 4), 4, new PtxDriver(device));
    }

    [Theory]
    [InlineData(6, CacheFormat.F32, 4)]
    [InlineData(8, CacheFormat.Q8, 3)]
    public void Heads_that_cut_a_group_and_caches_with_scales_keep_launches_of_their_own(int headDim, CacheFormat cache, int launches) =>
        AssertSame(new FusedShape(MatrixFormat.BF16, cache, 2, 40, 2, headDim, 2), launches);

    [Fact]
    public void Shared_memory_is_read_and_written_without_conflicts()
    {
        foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
        {
            var driver = new PtxDriver();
            using GpuBackend gpu = InterpretedGpu.Create(driver);
            new FusedShape(format, CacheFormat.F16, 1, 1056, 2, 8, 8).Run(gpu);
            PtxStatistics[] fused = [.. driver.Statistics.Values.Where(kernel => kernel.Kernel.Contains("NormedInputs", StringComparison.Ordinal))];
            Assert.Equal(2, fused.Length);
            Assert.All(fused, kernel => Assert.Empty(kernel.BankConflictsByInstruction));
        }
    }

    // Zero and minus zero differ.
    private static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];

    // Runs norm, product, turning, storing and a second norm and product; counts the launches of the fused way: of all, but the copies.
    private static void AssertSame(FusedShape shape, int launches, PtxDriver? driver = null)
    {
        driver ??= new PtxDriver();
        using GpuBackend apart = InterpretedGpu.Create(new PtxDriver { Contracts = driver.Contracts }, fused: false);
        using GpuBackend fused = InterpretedGpu.Create(driver, fused: true);
        (float[] expected, long before) = shape.Run(apart);
        (float[] actual, long after) = shape.Run(fused);
        Assert.True(Bits(expected).SequenceEqual(Bits(actual)), $"{shape}");
        Assert.Equal((6, launches), (before, after));
    }

    /// <summary>Sizes of a step's first operations.</summary>
    private sealed record FusedShape(MatrixFormat Format, CacheFormat Cache, int Rows, int Cols, int Heads, int HeadDim, int Dims)
    {
        public (float[] Memory, long Launches) Run(GpuBackend backend)
        {
            var gpu = new CheckedBackend(backend);
            int width = Heads * HeadDim;
            using KvCache cache = gpu.CreateKvCache(2, Heads, HeadDim, Rows + 1, 16, Cache);
            using Matrix project = OpCases.Matrix(gpu, 3 * width, Cols, 1, Format);
            using Matrix up = OpCases.Matrix(gpu, 37, Cols, 2, Format);
            using Tensor gain = OpCases.Tensor(gpu, 1, Cols, Numbers.Spread(3, Cols));
            using Tensor term = OpCases.Tensor(gpu, 1, Cols, Numbers.Spread(4, Cols));
            using Tensor bias = OpCases.Tensor(gpu, 1, 3 * width, Numbers.Spread(5, 3 * width));
            using Tensor upBias = OpCases.Tensor(gpu, 1, 37, Numbers.Spread(6, 37));
            using Tensor x = OpCases.Tensor(gpu, Rows, Cols, Numbers.Spread(7, Rows * Cols));
            using Tensor normed = gpu.Allocate(Rows, Cols);
            using Tensor again = gpu.Allocate(Rows, Cols);
            using Tensor qkv = gpu.Allocate(Rows, 3 * width);
            using Tensor hidden = OpCases.Tensor(gpu, Rows, 37, Numbers.Spread(8, Rows * 37));
            var shape = new AttentionShape(Heads, HeadDim, 1, 0);

            // A sequence a row, each a page of its own and so many tokens before; the last two rows are one sequence's.
            var batch = new Batch();
            for (int row = 0; row < Rows; row += batch.Rows - row)
            {
                batch.Add(new int[row == Rows - 2 ? 2 : 1], (5 * row) % 14, [Rows - row]);
            }

            PreparedBatch prepared = gpu.Prepare(batch, null);
            gpu.Rotate(qkv, prepared, shape, Dims);
            gpu.Synchronize();
            prepared = gpu.Prepare(batch, prepared);
            long before = backend.Driver.Launches;
            gpu.LayerNorm(normed, x, gain, term, 1e-5f, null);
            gpu.Linear(qkv, normed, project, bias, Activation.None, null);
            gpu.Rotate(qkv, prepared, shape, Dims);
            gpu.StoreKeysValues(cache, 1, qkv, prepared);
            gpu.LayerNorm(again, normed, gain, term, 1e-3f, null);
            gpu.Linear(hidden, again, up, upBias, Activation.GeluTanh, hidden);
            gpu.Synchronize();
            long launches = backend.Driver.Launches - before;

            List<float> memory = [];
            foreach (Tensor tensor in new[] { normed, qkv, again, hidden })
            {
                memory.AddRange(OpCases.Values(gpu, tensor));
            }

            var page = new float[cache.PageLength];
            for (int number = 0; number < cache.Pages; number++)
            {
                gpu.ReadPage(cache, number, page);
                memory.AddRange(page);
            }

            return ([.. memory], launches);
        }
    }
}
