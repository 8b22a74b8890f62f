using Palmyra.Backends.Cpu;
using Palmyra.Evaluation;

namespace Palmyra.Tests.Evaluation.Naive;

/// <summary>How a run is cut up, ordered or interrupted changes no bit of its answers.</summary>
public sealed class NaiveIndependenceTests : IDisposable
{
    private static readonly (string Task, int FewShot)[] Runs =
        [("lambada_openai", 0), ("winogrande", 0), ("hellaswag", 0), ("piqa", 2), ("wikitext", 0)];

    private readonly NaiveFolder _folder = new("gptj", 44);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Journals_and_results_are_the_same_for_every_batch_and_thread_count()
    {
        var first = new Dictionary<string, NaiveRun>();
        foreach ((int batchTokens, int threads) in new[] { (4096, 1), (4096, 3), (50, 2), (50, 1), (1, 3), (1, 1) })
        {
            using LanguageModel model = Open(threads);
            foreach ((string task, int fewShot) in Runs)
            {
                NaiveRun run = await _folder.Run(model, EvaluationProtocol.Today, task, _folder.Data(task), fewShot, batchTokens);
                NaiveRun expected = first.TryAdd(task, run) ? run : first[task];
                Assert.Equal(expected.Journal, run.Journal);

                // The description names the threads, which the results do not depend on.
                string report = run.Report.Replace($"{threads} threads", "1 thread", StringComparison.Ordinal);
                Assert.Equal(expected.Report, report);
            }
        }
    }

    [Theory]
    [InlineData("lambada_openai")]
    [InlineData("winogrande")]
    [InlineData("hellaswag")]
    [InlineData("piqa")]
    public async Task Every_item_has_the_same_scores_wherever_it_stands_in_the_file(string task)
    {
        int[] order = [3, 9, 0, 7, 1, 8, 2, 5, 4, 6];
        using LanguageModel model = Open(2);
        NaiveRun straight = await _folder.Run(model, EvaluationProtocol.Harness2021, task, _folder.Data(task), batchTokens: 200);
        string other = _folder.Data(task, lines => order.Select(index => lines.ElementAt(index)));
        NaiveRun mixed = await _folder.Run(model, EvaluationProtocol.Harness2021, task, other, batchTokens: 150);
        List<List<NaiveScore>> expected = straight.Scores();
        Assert.Equal(order.Select(index => expected[index]), mixed.Scores());

        // Sums of other numbers than hits may differ in their last bit, being added in the file's order.
        Assert.Equal(straight.Result.Find("acc")!.Value, mixed.Result.Find("acc")!.Value);
        Assert.Equal(straight.Result.Find("acc_norm")?.Value, mixed.Result.Find("acc_norm")?.Value);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(9)]
    public async Task An_interrupted_run_that_goes_on_leaves_the_same_files(int after)
    {
        using LanguageModel model = Open(2);
        foreach ((string task, int fewShot) in Runs.Where(run => run.Task != "wikitext"))
        {
            NaiveRun whole = await _folder.Run(model, EvaluationProtocol.Today, task, _folder.Data(task), fewShot);
            string name = $"{task}-cut";
            await Assert.ThrowsAsync<OperationCanceledException>(
                () => _folder.Run(model, EvaluationProtocol.Today, task, _folder.Data(task), fewShot, 50, name, new Interruption(after)));
            Assert.InRange(File.ReadAllLines(_folder[name + ".jsonl"]).Length, 2, 10);

            // A killed process may leave half a line.
            File.AppendAllText(_folder[name + ".jsonl"], "{\"item\":");
            NaiveRun resumed = await _folder.Run(model, EvaluationProtocol.Today, task, _folder.Data(task), fewShot, 300, name);
            Assert.Equal(whole.Journal, resumed.Journal);
            Assert.Equal(whole.Report, resumed.Report);
        }
    }

    private LanguageModel Open(int threads) => _folder.Open(new CpuBackend(new CpuOptions { Threads = threads }), EvaluationProtocol.Today);

    private sealed class Interruption(int after) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value)
        {
            if (value.Done == after)
            {
                throw new OperationCanceledException();
            }
        }
    }
}
