using Palmyra.Backends;
using Palmyra.Gpu.Driver;
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
