using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation;

public sealed class EvaluatorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Choices_are_counted_as_the_definitions_say()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.MultipleChoice, 40);
        TaskResult result = await new Evaluator(new InventedScorer(), EvaluationProtocol.Today).RunAsync(task, data);

        (int hits, int normed, int bytes) = (0, 0, 0);
        foreach (EvaluationItem item in task.Read(data))
        {
            double first = InventedScorer.Answer(item.Requests[0]).LogProbability;
            double second = InventedScorer.Answer(item.Requests[1]).LogProbability;
            hits += (second > first ? 1 : 0) == item.Gold ? 1 : 0;

            // Every word is "é" and a number: a code point less than bytes.
            double length = item.Choices![0].Length;
            normed += (second / (length + 4) > first / length ? 1 : 0) == item.Gold ? 1 : 0;
            bytes += (second / (length + 5) > first / (length + 1) ? 1 : 0) == item.Gold ? 1 : 0;
        }

        Assert.Equal(["acc", "acc_norm", "acc_bytes"], result.Metrics.Select(metric => metric.Name));
        Assert.Equal(hits / 40.0, result.Metrics[0].Value);
        Assert.Equal(normed / 40.0, result.Metrics[1].Value);
        Assert.Equal(bytes / 40.0, result.Metrics[2].Value);
        Assert.Equal(Math.Sqrt(hits / 40.0 * (1 - (hits / 40.0)) / 39), result.Metrics[0].StandardError!.Value, 1e-12);
        Assert.Equal(40, result.Items);
        Assert.Equal(400, result.Run!.TokensComputed);
    }

    [Fact]
    public async Task Cloze_and_text_metrics_are_the_formulas()
    {
        (EvaluationTask cloze, DataFile data) = await Task(TaskKind.Cloze, 30);
        TaskResult found = await new Evaluator(new InventedScorer(), EvaluationProtocol.Today).RunAsync(cloze, data);
        RequestScore[] scores = [.. cloze.Read(data).Select(item => InventedScorer.Answer(item.Requests[0]))];
        Assert.Equal(scores.Count(score => score.IsGreedy) / 30.0, found.Find("acc")!.Value);
        Assert.Equal(Math.Exp(-scores.Average(score => score.LogProbability)), found.Find("perplexity")!.Value, 1e-12);
        Assert.True(found.Find("perplexity")!.StandardError > 0);

        var texts = new InventedTask(TaskKind.Perplexity);
        TaskResult rolling = await new Evaluator(new InventedScorer(), EvaluationProtocol.Today).RunAsync(texts, data);
        EvaluationItem[] items = [.. texts.Read(data)];
        RequestScore[] answers = [.. items.Select(item => InventedScorer.Answer(item.Requests[0]))];
        double sum = answers.Sum(answer => answer.LogProbability);
        Assert.Equal(Math.Exp(-sum / items.Sum(item => item.Words)), rolling.Find("word_perplexity")!.Value, 1e-12);
        Assert.Equal(Math.Exp(-sum / items.Sum(item => item.Bytes)), rolling.Find("byte_perplexity")!.Value, 1e-12);
        Assert.Equal(Math.Log2(rolling.Find("byte_perplexity")!.Value), rolling.Find("bits_per_byte")!.Value, 1e-12);
        Assert.Equal(Math.Exp(-sum / answers.Sum(answer => answer.Tokens)), rolling.Find("token_perplexity")!.Value, 1e-12);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(39)]
    public async Task A_killed_run_continues_and_its_results_are_the_same(int dieAfter)
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 40);
        TaskResult whole = await new Evaluator(new InventedScorer(), EvaluationProtocol.Today).RunAsync(task, data);

        var options = new EvaluationOptions { JournalPath = _folder["journal.jsonl"] };
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            new Evaluator(new InventedScorer(dieAfter: dieAfter), EvaluationProtocol.Today).RunAsync(task, data, options));
        File.AppendAllText(options.JournalPath, "{\"item\":" /* what a killed process may leave */);

        var second = new InventedScorer(ahead: 7);
        TaskResult resumed = await new Evaluator(second, EvaluationProtocol.Today).RunAsync(task, data, options);
        Assert.Equal(40 - dieAfter, second.Asked.Count);
        Assert.Equal(whole.Metrics, resumed.Metrics);

        var third = new InventedScorer();
        Assert.Equal(whole.Metrics, (await new Evaluator(third, EvaluationProtocol.Today).RunAsync(task, data, options)).Metrics);
        Assert.Empty(third.Asked);
    }

    [Fact]
    public async Task A_journal_of_another_run_is_refused_and_left_alone()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 5);
        var options = new EvaluationOptions { JournalPath = _folder["journal.jsonl"] };
        await new Evaluator(new InventedScorer(), EvaluationProtocol.Today).RunAsync(task, data, options);
        byte[] before = File.ReadAllBytes(options.JournalPath);

        var other = new InventedScorer { Description = new ModelDescription { Name = "invented", Where = "nowhere", Digest = "d2", Weights = "f32" } };
        await Refused(other, EvaluationProtocol.Today, options, "its model is d1, this run's is d2");
        await Refused(new InventedScorer(), EvaluationProtocol.Harness2021, options, "its protocol is today, this run's is 2021");
        await Refused(new InventedScorer(), EvaluationProtocol.Today, options with { Limit = 2 }, "its limit is none, this run's is 2");
        Assert.Equal(before, File.ReadAllBytes(options.JournalPath));

        File.WriteAllText(options.JournalPath, "a poem\n");
        await Refused(new InventedScorer(), EvaluationProtocol.Today, options, "line 1 of the journal is damaged");
        File.WriteAllText(options.JournalPath, "{\"a\":1}\n");
        await Refused(new InventedScorer(), EvaluationProtocol.Today, options, "the file is something else");
        Assert.Equal("{\"a\":1}\n", File.ReadAllText(options.JournalPath));

        async Task Refused(ITextScorer scorer, EvaluationProtocol protocol, EvaluationOptions with, string because)
        {
            EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() => new Evaluator(scorer, protocol).RunAsync(task, data, with));
            Assert.Contains(because, failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_limit_takes_the_first_items_or_the_first_of_the_shuffle()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 10);
        Assert.Equal(new[] { 0, 1, 2, 3 }, await Asked(EvaluationProtocol.Today));

        // random.Random(42).shuffle(list(range(10))) begins 7, 3, 2, 8; they are scored in the file's order.
        Assert.Equal(new[] { 2, 3, 7, 8 }, await Asked(EvaluationProtocol.Harness2021));

        async Task<int[]> Asked(EvaluationProtocol protocol)
        {
            var scorer = new InventedScorer();
            TaskResult result = await new Evaluator(scorer, protocol).RunAsync(task, data, new EvaluationOptions { Limit = 4 });
            Assert.Equal(4, result.Items);
            return [.. scorer.Asked.Cast<ContinuationRequest>().Select(request => request.Context[^1] - '0')];
        }
    }

    [Fact]
    public async Task Examples_are_drawn_as_Python_draws_them()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.MultipleChoice, 12);
        var scorer = new InventedScorer();
        await new Evaluator(scorer, EvaluationProtocol.Today).RunAsync(task, data, new EvaluationOptions { FewShot = 3 });

        // r = random.Random(1234); for i in range(12): [x for x in r.sample(range(12), 4) if x != i][:3]
        int[][] expected =
        [
            [7, 1, 10], [9, 0, 11], [5, 3, 0], [0, 5, 9], [9, 7, 2], [2, 1, 0], [7, 3, 1], [1, 9, 10], [9, 0, 4], [8, 1, 4], [5, 4, 3], [7, 8, 0],
        ];
        EvaluationItem[] items = [.. task.Read(data)];
        for (int i = 0; i < 12; i++)
        {
            string front = string.Concat(expected[i].Select(shot =>
            {
                var right = (ContinuationRequest)items[shot].Requests[items[shot].Gold];
                return right.Context + right.Continuation + "\n\n";
            }));
            Assert.Equal(front + $"number {i}", ((ContinuationRequest)scorer.Asked[2 * i]).Context);
        }

        // From another file nothing is left out: r.sample(range(40), 3).
        DataFile training = await Data("training.txt", 40);
        scorer = new InventedScorer();
        await new Evaluator(scorer, EvaluationProtocol.Today).RunAsync(
            task, data, new EvaluationOptions { FewShot = 3, FewShotData = training, Limit = 2 });
        Assert.StartsWith("number 28 ", ((ContinuationRequest)scorer.Asked[0]).Context, StringComparison.Ordinal);
        Assert.StartsWith("number 5 ", ((ContinuationRequest)scorer.Asked[2]).Context, StringComparison.Ordinal);
    }

    /// <summary>r = random.Random(42); r.shuffle(x := list(range(12))); then, for i in x[:5], [s for s in r.sample(range(12), 3) if s != i][:2].</summary>
    [Fact]
    public async Task In_2021_examples_were_drawn_in_the_shuffled_order_by_the_shuffles_generator()
    {
        var expected = new Dictionary<int, int[]>
        {
            [2] = [9, 0],
            [5] = [3, 11],
            [7] = [0, 11],
            [8] = [3, 10],
            [9] = [6, 3],
        };
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 12);
        string[] words = [.. File.ReadLines(data.Path)];
        var scorer = new InventedScorer();
        await new Evaluator(scorer, EvaluationProtocol.Harness2021).RunAsync(task, data, new EvaluationOptions { FewShot = 2, Limit = 5 });
        Assert.Equal(
            expected.Select(draw => string.Concat(draw.Value.Select(shot => $"number {shot} {words[shot]}\n\n")) + $"number {draw.Key}"),
            scorer.Asked.Cast<ContinuationRequest>().Select(request => request.Context));

        // Today a solution that begins with a space gets another one in examples.
        scorer = new InventedScorer();
        await new Evaluator(scorer, EvaluationProtocol.Today).RunAsync(task, data, new EvaluationOptions { FewShot = 1, Limit = 1 });
        Assert.Matches("^number [0-9]+  é[0-9]+\n\nnumber 0$", ((ContinuationRequest)scorer.Asked[0]).Context);
    }

    [Fact]
    public async Task Too_few_examples_and_examples_for_texts_are_refused()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 3);
        var evaluator = new Evaluator(new InventedScorer(), EvaluationProtocol.Today);
        EvaluationException few = await Assert.ThrowsAsync<EvaluationException>(() => evaluator.RunAsync(task, data, new EvaluationOptions { FewShot = 3 }));
        Assert.Contains("takes 4 records; the file has 3", few.Message, StringComparison.Ordinal);
        EvaluationException texts = await Assert.ThrowsAsync<EvaluationException>(() =>
            evaluator.RunAsync(new InventedTask(TaskKind.Perplexity), data, new EvaluationOptions { FewShot = 1 }));
        Assert.Contains("scores whole texts", texts.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Progress_ends_complete_and_cancellation_stops()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 20);
        var told = new List<EvaluationProgress>();
        await new Evaluator(new InventedScorer(), EvaluationProtocol.Today).RunAsync(task, data, progress: new Progress(told.Add));
        Assert.Equal((20, 20), (told[^1].Done, told[^1].Total));
        Assert.Equal(Enumerable.Range(1, 20), told.Take(20).Select(step => step.Done));

        using var source = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new Evaluator(new InventedScorer(), EvaluationProtocol.Today).RunAsync(
            task, data, progress: new Progress(step => Stop(step.Done)), cancellation: source.Token));

        void Stop(int done)
        {
            if (done == 5)
            {
                source.Cancel();
            }
        }
    }

    private async Task<(EvaluationTask Task, DataFile Data)> Task(TaskKind kind, int items) => (new InventedTask(kind), await Data("invented.txt", items));

    private async Task<DataFile> Data(string name, int items)
    {
        string path = _folder[name];
        File.WriteAllLines(path, Enumerable.Range(0, items).Select(i => $"é{i * 17 % 101}"), new UTF8Encoding(false));
        return await DataFile.OpenAsync(path, new InventedTask(TaskKind.Cloze));
    }

    private sealed class Progress(Action<EvaluationProgress> told) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => told(value);
    }
}
