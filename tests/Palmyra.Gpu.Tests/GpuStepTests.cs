using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Generation;
using Palmyra.Gpu.Driver;
using Palmyra.Testing;

namespace Palmyra.Gpu.Tests;

/// <summary>Decoding steps sent to the device as graphs: the same bits as launches one by one, whatever happens between the steps.</summary>
public sealed class GpuStepTests
{
    [Theory]
    [InlineData("gpt2")]
    [InlineData("gptj")]
    [InlineData("gpt-neo")]
    public void A_token_is_one_replay_and_the_same_bits(string folder)
    {
        using var driver = new WatchedDriver();
        AssertSame(driver, folder, 1, 128, (model, values) =>
        {
            values.Add(model.Step(count: 5));
            values.Add(model.Step());
            values.Add(model.Step());
            values.Add(model.Step());
            driver.Log.Clear();
            for (int token = 0; token < 4; token++)
            {
                values.Add(model.Step());
            }
        });
        Assert.Equal(Enumerable.Repeat<string[]>(["CopyIn", "Replay", "CopyOut"], 4).SelectMany(step => step), driver.Log.Take(12));
    }

    [Fact]
    public void Batches_of_several_sizes_have_a_graph_each()
    {
        using var driver = new WatchedDriver();
        AssertSame(driver, "gptj", 3, 128, (model, values) =>
        {
            int[] sizes = [3, 1, 2];
            for (int step = 0; step < 12; step++)
            {
                values.Add(model.Step(sizes[step % 3]));
                if (step == 5)
                {
                    driver.Log.Clear();
                }
            }
        });
        Assert.Equal((0, 6), (driver.Count("Launch"), driver.Count("Replay")));
    }

    [Fact]
    public void A_page_or_a_chunk_more_seldom_makes_a_new_graph()
    {
        // Token 128 begins a second chunk of keys and a ninth page.
        using var driver = new WatchedDriver();
        AssertSame(driver, "gptj", 1, 256, (model, values) =>
        {
            values.Add(model.Step(count: 123));
            values.Add(model.Step());
            driver.Log.Clear();
            for (int token = 0; token < 8; token++)
            {
                values.Add(model.Step());
            }
        });

        // Two layouts, each launched one by one once: 124 and 128.
        Assert.Equal(6, driver.Count("Replay"));
        Assert.Equal(2, driver.Count("BeginCapture"));
    }

    [Fact]
    public void Two_models_on_one_backend_do_not_meet()
    {
        static List<float[]> Run(bool graphs)
        {
            using var driver = new WatchedDriver();
            using var gpu = new CheckedBackend(InterpretedGpu.Create(driver, graphs: graphs));
            using var one = new DecodedModel(gpu, seed: 1);
            using var other = new DecodedModel(gpu, seed: 2);
            var values = new List<float[]>();
            for (int step = 0; step < 5; step++)
            {
                values.Add(one.Step());
                values.Add(other.Step());
            }

            Assert.Equal(graphs ? 6 : 0, driver.Count("Replay"));
            return values;
        }

        Assert.Equal(Run(graphs: false), Run(graphs: true));
    }

    [Theory]
    [InlineData(0, true, 10)]
    [InlineData(0, false, 8)]
    [InlineData(2000, true, 8)]
    public void A_cache_that_was_given_back_is_not_written_again(int spare, bool first, int replays)
    {
        // With spare pages the cache has memory of its own, which goes back to the device.
        using var driver = new WatchedDriver();
        AssertSame(driver, "gptj", 1, 128, (model, values) =>
        {
            model.Spare = spare;
            model.ChangeCache(first);
            for (int round = 0; round < 3; round++)
            {
                for (int step = 0; step < 4; step++)
                {
                    values.Add(model.Step());
                }

                model.ChangeCache(first);
                Assert.True(spare == 0 || driver.Graphs == 0);
            }
        });
        Assert.Equal(replays, driver.Count("Replay"));
    }

    [Fact]
    public void Beams_copy_pages_between_steps()
    {
        var options = new GenerationOptions { NumBeams = 3, MaxNewTokens = 12, MinNewTokens = 12 };
        List<int[]> texts = [];
        foreach (bool graphs in new[] { false, true })
        {
            using var driver = new WatchedDriver();
            using LanguageModel model = LanguageModel.Open(
                Fixtures.Path("models/gptj"),
                new LanguageModelOptions { Backend = new CheckedBackend(InterpretedGpu.Create(driver, graphs: graphs)), Format = MatrixFormat.F32 });
            using var generator = new Generator(model.Transformer);
            texts.Add([.. generator.Generate([5, 6, 7], options)[0].Tokens]);
            Assert.True(driver.Count("CopyWithin") > 0);
            Assert.Equal(graphs, driver.Count("Replay") > 3);
        }

        Assert.Equal(texts[0], texts[1]);
    }

    [Theory]
    [InlineData("BeginCapture")]
    [InlineData("Record")]
    [InlineData("EndCapture")]
    public void Where_recording_fails_launches_go_one_by_one(string call)
    {
        using var driver = new WatchedDriver { Refuse = call };
        StepDriver steps = AssertSame(driver, "gptj", 1, 128, (model, values) =>
        {
            for (int step = 0; step < 4; step++)
            {
                values.Add(model.Step());
            }
        });
        Assert.Equal($"{call} was refused.", steps.WhyNoGraphs);
        Assert.Equal(1, driver.Count("BeginCapture"));
        Assert.Equal(0, driver.Count("Replay"));
    }

    [Theory]
    [InlineData("Launch", 0)]
    [InlineData("Replay", 2)]
    public void A_step_that_failed_is_told_and_not_done_later(string call, int before)
    {
        using var driver = new WatchedDriver();
        using var gpu = new CheckedBackend(InterpretedGpu.Create(driver));
        using var model = new DecodedModel(gpu);
        using var other = new DecodedModel(gpu);
        for (int step = 0; step < before; step++)
        {
            model.Step();
            other.Step();
        }

        driver.Refuse = call;
        Assert.Equal($"{call} was refused.", Assert.Throws<BackendException>(() => model.Step()).Message);
        driver.Log.Clear();
        gpu.Synchronize();
        Assert.Equal(["Synchronize"], driver.Log);

        // The driver is as good as before: the same token of the other model, and of this one from its beginning.
        model.ChangeCache(first: true);
        for (int step = 0; step < before; step++)
        {
            model.Step();
        }

        Assert.Equal(other.Step(), model.Step());
    }

    [Fact]
    public void Copies_from_the_host_stay_in_their_place()
    {
        using var driver = new WatchedDriver();
        using IBackend gpu = InterpretedGpu.Create(driver);
        using Tensor x = OpCases.Tensor(gpu, 4, 8, Numbers.Spread(1, 32));
        using Tensor y = gpu.Allocate(2, 8);
        using Tensor z = gpu.Allocate(2, 8);
        var batch = new Batch();
        batch.Add([1], 0, []);
        PreparedBatch? prepared = null;
        float[] rows = Numbers.Spread(1, 32);
        for (int step = 0; step < 3; step++)
        {
            prepared = gpu.Prepare(batch, prepared);
            driver.Log.Clear();
            for (int i = 0; i < 5; i++)
            {
                gpu.GatherRows(y, x, [3, 1]);
            }

            gpu.GatherRows(z, x, [0, step]);
            gpu.Write(x, new float[32]);
            gpu.GatherRows(y, y, [0, 1]);
            Assert.DoesNotContain("CopyOut", driver.Log);
            Assert.Equal([.. rows.AsSpan(24, 8), .. rows.AsSpan(8, 8)], OpCases.Values(gpu, y));
            Assert.Equal([.. rows.AsSpan(0, 8), .. rows.AsSpan(8 * step, 8)], OpCases.Values(gpu, z));
            gpu.Write(x, rows);
        }

        Assert.Equal(2, driver.Count("CopyOut"));
    }

    [Fact]
    public void Steps_asked_for_last_are_remembered()
    {
        using var driver = new WatchedDriver();
        using GpuBackend gpu = InterpretedGpu.Create(driver);
        using Tensor x = OpCases.Tensor(gpu, 4, 8, Numbers.Spread(1, 32));
        var batch = new Batch();
        batch.Add([1], 0, []);
        PreparedBatch? prepared = null;
        for (int round = 0; round < 2; round++)
        {
            for (int size = 1; size <= StepDriver.MostSteps + 8; size++)
            {
                for (int time = 0; time < 3; time++)
                {
                    prepared = gpu.Prepare(batch, prepared);
                    for (int i = 0; i < 4 + size; i++)
                    {
                        gpu.Activate(x, x, Activation.Relu);
                    }

                    gpu.Synchronize();
                }

                Assert.InRange(driver.Graphs, 1, StepDriver.MostSteps);
            }
        }

        Assert.Equal(StepDriver.MostSteps, gpu.Driver.Steps);
        Assert.Equal(2 * 2 * (StepDriver.MostSteps + 8), gpu.Driver.Replays);
    }

    [Fact]
    public void What_nobody_reads_is_given_up_with_the_backend()
    {
        using var driver = new WatchedDriver();
        IBackend gpu = InterpretedGpu.Create(driver);
        Tensor x = OpCases.Tensor(gpu, 4, 8, Numbers.Spread(1, 32));
        var batch = new Batch();
        batch.Add([1], 0, []);
        gpu.Prepare(batch, null);
        gpu.Activate(x, x, Activation.Relu);
        gpu.Dispose();
        Assert.DoesNotContain("Launch", driver.Log);
    }

    // Runs the same with launches one by one and with graphs on the watched driver.
    private static StepDriver AssertSame(WatchedDriver driver, string folder, int sequences, int context, Action<DecodedModel, List<float[]>> run)
    {
        List<float[]> plain = [];
        using (var gpu = new CheckedBackend(InterpretedGpu.Create(graphs: false)))
        using (var model = new DecodedModel(gpu, folder, sequences, context))
        {
            run(model, plain);
        }

        driver.Log.Clear();
        List<float[]> values = [];
        GpuBackend watched = InterpretedGpu.Create(driver);
        using (var gpu = new CheckedBackend(watched))
        using (var model = new DecodedModel(gpu, folder, sequences, context))
        {
            run(model, values);
            Assert.Equal(plain, values);
        }

        return watched.Driver;
    }
}
