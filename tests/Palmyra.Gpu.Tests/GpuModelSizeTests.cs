using Palmyra.Backends;
using Palmyra.Generation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Models;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;
using Xunit.Abstractions;

namespace Palmyra.Gpu.Tests;

/// <summary>What a model takes of a GPU's memory, computed and allocated.</summary>
public sealed class GpuModelSizeTests(ITestOutputHelper output)
{
    private const double GiB = 1 << 30;

    [Theory]
    [InlineData("gpt2")]
    [InlineData("gptj")]
    [InlineData("gpt-neo")]
    public void Weights_and_cache_are_what_the_backend_allocates(string folder)
    {
        ModelConfig config = ModelConfigReader.ReadFile(Fixtures.Path($"models/{folder}/config.json"));
        var size = new GpuModelSize(config);
        foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
        {
            using GpuBackend gpu = InterpretedGpu.Create();
            using Transformer model = TransformerLoader.Load(config, gpu, format, new RandomWeights(config, 1).View);
            Assert.Equal(size.WeightBytes(format), gpu.UsedBytes);
        }

        foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
        {
            using GpuBackend gpu = InterpretedGpu.Create();
            using KvCache cache = gpu.CreateKvCache(config.Layers, config.Heads, config.HeadDim, 2, gpu.PreferredPageSize, format);
            Assert.Equal(cache.Bytes, size.CacheBytes(65, format));
        }
    }

    [Theory]
    [InlineData(CacheFormat.F16, 512)]
    [InlineData(CacheFormat.F32, 512)]
    [InlineData(CacheFormat.F32, 2048)]
    public void GPT_J_in_BF16_fits_a_card_of_16_GB(CacheFormat cache, int rows)
    {
        var size = new GpuModelSize(ModelPresets.Find("gpt-j-6b")!.Runnable!);
        long weights = size.WeightBytes(MatrixFormat.BF16);
        long keys = size.CacheBytes(2048, cache);
        long working = size.WorkingBytes(rows, MatrixFormat.BF16);
        output.WriteLine($"{weights / GiB:F2} + {keys / GiB:F2} + {working / GiB:F2} = {(weights + keys + working) / GiB:F2} GiB");
        Assert.Equal(16, GpuCards.Holding(weights + keys + working));
        Assert.Equal(14.4, GpuCards.CountedBytes(16) / GiB, 1e-6);
    }

    // What a backend holds after every kind of step, many rows and then few: scratch memory that grew is never given back.
    [Theory]
    [InlineData("gpt2", MatrixFormat.F32, true)]
    [InlineData("gptj", MatrixFormat.BF16, true)]
    [InlineData("gptj", MatrixFormat.Q4, false)]
    [InlineData("gpt-neo", MatrixFormat.Q8, true)]
    public void Steps_of_all_kinds_take_no_more_than_counted(string folder, MatrixFormat format, bool exact)
    {
        // Wider than the fixture, so that rows count beside what has none; a context of two pages and a half.
        ModelConfig config = ModelConfigReader.ReadFile(Fixtures.Path($"models/{folder}/config.json")) with
        {
            ContextLength = 160, VocabularySize = 1100, Width = 64, Heads = 2, HiddenWidth = 512,
        };
        using var driver = new PtxDriver();
        using GpuBackend gpu = InterpretedGpu.Create(driver, exact ? GemmPrecision.Exact : GemmPrecision.Rounded);
        var size = new GpuModelSize(config, null, driver.Device.Multiprocessors);
        using Transformer model = TransformerLoader.Load(config, gpu, format, new RandomWeights(config, 1).View);
        using KvCache cache = gpu.CreateKvCache(config.Layers, config.Heads, config.HeadDim, 3, gpu.PreferredPageSize, CacheFormat.F32);
        using Tensor bias = gpu.Allocate(1, config.VocabularySize);
        using Tensor top = gpu.Allocate(1, 3 * 1024);
        using Tensor few = gpu.Allocate(1, 3);
        PreparedBatch? prepared = null;
        PreparedBatch? second = null;
        var batch = new Batch();
        var branches = new Batch();
        int[] all = [.. Enumerable.Range(0, 160)];

        // A long prompt, shorter pieces, decoding.
        using (var rows = new Workspace(gpu, config))
        {
            Generate(rows, (140, 0), (17, 140), (1, 157), (1, 158));
        }

        using (var rows = new Workspace(gpu, config))
        {
            // A text alone in its batch, without a cache.
            Prepare(batch, ref prepared, 160, 0, []);
            Score(rows, model.Forward(prepared!, null, rows), 160);
            Prepare(batch, ref prepared, 20, 0, []);
            Score(rows, model.Forward(prepared!, null, rows), 20);

            // A trunk and its branches.
            Prepare(batch, ref prepared, 64, 0, [0]);
            Score(rows, model.Forward(prepared!, cache, rows), 64);
            branches.Add(new int[3], 64, [0, 1]);
            branches.Add(new int[4], 64, [0, 2]);
            second = gpu.Prepare(branches, second);
            Score(rows, model.Forward(second, cache, rows), 7);
        }

        // A page on its way to another cache; then everything in smaller steps.
        gpu.ReadPage(cache, 0, new float[cache.PageLength]);
        using (var rows = new Workspace(gpu, config))
        {
            Generate(rows, (64, 0), (33, 64), (9, 97), (4, 106), (1, 110));
        }

        Check();

        void Prepare(Batch into, ref PreparedBatch? of, int count, int past, int[] pages)
        {
            into.Clear();
            into.Add(new int[count], past, pages);
            of = gpu.Prepare(into, of);
        }

        void Generate(Workspace rows, params ReadOnlySpan<(int Count, int Past)> steps)
        {
            foreach ((int count, int past) in steps)
            {
                Prepare(batch, ref prepared, count, past, [0, 1, 2]);
                Tensor logits = model.Logits(model.Forward(prepared!, cache, rows), [count - 1], rows);
                gpu.Top(top, logits);
                gpu.Top(few, logits);
                Check();
            }
        }

        void Score(Workspace rows, Tensor hidden, int count)
        {
            model.Score(hidden, all.AsSpan(0, count), new int[count], rows, bias);
            Check();
        }

        void Check()
        {
            long counted = size.WeightBytes(format) + cache.Bytes + size.PieceBytes(160, format);
            Assert.InRange(gpu.UsedBytes, 1, counted);
            Assert.InRange(gpu.ReservedBytes, 1, counted - size.PieceBytes(160, format) + size.WorkingBytes(160, format));
        }
    }

    [Theory]
    [InlineData("gpt2", MatrixFormat.BF16)]
    [InlineData("gpt-j-6b", MatrixFormat.BF16)]
    [InlineData("gpt-j-6b", MatrixFormat.Q8)]
    [InlineData("gpt-j-6b", MatrixFormat.Q4)]
    public void A_smaller_step_takes_no_more(string preset, MatrixFormat format)
    {
        ModelConfig config = ModelPresets.Find(preset)!.Runnable!;
        var size = new GpuModelSize(config);
        long most = size.PieceBytes(Generator.DefaultRowBudget, format);
        Assert.All(new[] { 1, 8, 9, 16, 17, 64, 65, 128, 256, 511 }, rows => Assert.InRange(size.PieceBytes(rows, format), 1, most));

        // GPT-J's steps of 256 rows are split, of 512 not.
        int[] counts = [.. Enumerable.Range(9, Generator.DefaultRowBudget - 8)];
        GemmPlan[] plans = [.. counts.Select(rows => GemmPlan.For(
            new GemmShape(format, rows, config.Width, config.HiddenWidth, GemmPrecision.Exact), GpuModelSize.MostMultiprocessors))];
        long others = plans.Max(plan => plan.SumsBytes);
        Assert.True(plans[^1].SumsBytes <= others);
        Assert.True(most >= others + plans.Max(plan => plan.RoundedBytes));
    }

    [Fact]
    public void Slabs_are_counted_as_they_are_cut()
    {
        using var driver = new PtxDriver();
        using var memory = new DeviceMemory(driver);
        long[] pieces = [22 << 20, 1000, 33 << 20, 22 << 20, 30 << 20, 20 << 20, 1, 31 << 20];
        DevicePiece[] cut = [.. pieces.Select(memory.Allocate)];
        Assert.Equal(memory.ReservedBytes, DeviceMemory.ReservedFor(pieces));
        Assert.Equal(pieces.Length, cut.Length);
    }

    // What is said without a device at hand must be enough for every device.
    [Theory]
    [InlineData("gpt2")]
    [InlineData("gpt-j-6b")]
    public void Working_memory_only_grows_with_the_multiprocessors(string preset)
    {
        ModelConfig config = ModelPresets.Find(preset)!.Runnable!;
        foreach (MatrixFormat format in Enum.GetValues<MatrixFormat>())
        {
            foreach (int rows in (int[])[17, 100, 512, 1024])
            {
                long[] bytes =
                [
                    .. Enumerable.Range(1, GpuModelSize.MostMultiprocessors)
                        .Select(multiprocessors => new GpuModelSize(config, null, multiprocessors).WorkingBytes(rows, format)),
                ];
                Assert.Equal(bytes.Order(), bytes);
                Assert.Equal(bytes[^1], new GpuModelSize(config).WorkingBytes(rows, format));
            }
        }
    }

    [Fact]
    public void What_does_not_fit_is_said_with_what_would()
    {
        ModelConfig config = ModelPresets.Find("gpt-j-6b")!.Runnable!;
        (double Free, bool Opens, string? Ends)[] cases =
        [
            (30, true, null),
            (24, true, "does not fit, --dtype bf16 does, and as it is "),
            (16, false, "does not fit, --dtype bf16 does."),
            (10, false, "does not fit, --dtype q8 does."),
            (6, false, "does not fit, --dtype q4 does."),
            (1, false, "does not fit, no format of weights does."),
        ];
        foreach ((double free, bool opens, string? ends) in cases)
        {
            using var driver = new PtxDriver { FreeBytes = (long)(free * GiB) };
            using IBackend gpu = new CheckedBackend(InterpretedGpu.Create(driver));
            GpuModelSize size = GpuBackends.SizeOn(gpu, config);
            string? shortage = size.Shortage(GpuBackends.FreeBytes(gpu)!.Value, MatrixFormat.F32, CacheFormat.F32);
            output.WriteLine(shortage ?? "fits");
            Assert.Equal(opens, size.Opens(driver.FreeBytes, MatrixFormat.F32));
            if (ends is null)
            {
                Assert.Null(shortage);
            }
            else
            {
                Assert.Contains(ends, shortage, StringComparison.Ordinal);
                Assert.Contains($"{free:F2} GiB are free", shortage, StringComparison.Ordinal);
            }
        }

        using IBackend cpu = new Palmyra.Backends.Reference.ReferenceBackend();
        Assert.Null(GpuBackends.FreeBytes(cpu));
    }
}
