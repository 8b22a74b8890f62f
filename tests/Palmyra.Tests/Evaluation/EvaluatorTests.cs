using System.Globalization;
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
        TaskResult result = await new Evaluator(new InventedScorer()).RunAsync(task, data);

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
        TaskResult found = await new Evaluator(new InventedScorer()).RunAsync(cloze, data);
        RequestScore[] scores = [.. cloze.Read(data).Select(item => InventedScorer.Answer(item.Requests[0]))];
        Assert.Equal(scores.Count(score => score.IsGreedy) / 30.0, found.Find("acc")!.Value);
        Assert.Equal(Math.Exp(-scores.Average(score => score.LogProbability)), found.Find("perplexity")!.Value, 1e-12);
        Assert.True(found.Find("perplexity")!.StandardError > 0);

        var texts = new InventedTask(TaskKind.Perplexity);
        TaskResult rolling = await new Evaluator(new InventedScorer()).RunAsync(texts, data);
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
        TaskResult whole = await new Evaluator(new InventedScorer()).RunAsync(task, data);

        var options = new EvaluationOptions { JournalPath = _folder["journal.jsonl"] };
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            new Evaluator(new InventedScorer(dieAfter: dieAfter)).RunAsync(task, data, options));
        File.AppendAllText(options.JournalPath, "{\"item\":" /* what a killed process may leave */);

        var second = new InventedScorer(ahead: 7);
        TaskResult resumed = await new Evaluator(second).RunAsync(task, data, options);
        Assert.Equal(40 - dieAfter, second.Asked.Count);
        Assert.Equal(whole.Metrics, resumed.Metrics);

        var third = new InventedScorer();
        Assert.Equal(whole.Metrics, (await new Evaluator(third).RunAsync(task, data, options)).Metrics);
        Assert.Empty(third.Asked);
    }

    [Fact]
    public async Task A_journal_of_another_run_is_refused_and_left_alone()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 5);
        var options = new EvaluationOptions { JournalPath = _folder["journal.jsonl"] };
        await new Evaluator(new InventedScorer()).RunAsync(task, data, options);
        byte[] before = File.ReadAllBytes(options.JournalPath);

        var other = new InventedScorer { Description = new ModelDescription { Name = "invented", Where = "nowhere", Digest = "d2", Weights = "f32" } };
        await Refused(other, options, "its model is d1, this run's is d2");
        await Refused(new InventedScorer { Protocol = EvaluationProtocol.Harness2021 }, options, "its protocol is today, this run's is 2021");
        await Refused(new InventedScorer(), options with { Limit = 2 }, "its limit is none, this run's is 2");
        Assert.Equal(before, File.ReadAllBytes(options.JournalPath));

        File.WriteAllText(options.JournalPath, "a poem\n");
        await Refused(new InventedScorer(), options, "the file is something else and stays as it is");
        File.WriteAllText(options.JournalPath, "{\"a\":1}\n");
        await Refused(new InventedScorer(), options, "the file is something else");
        Assert.Equal("{\"a\":1}\n", File.ReadAllText(options.JournalPath));

        async Task Refused(ITextScorer scorer, EvaluationOptions with, string because)
        {
            EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() => new Evaluator(scorer).RunAsync(task, data, with));
            Assert.Contains(because, failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("notes without a line end")]
    [InlineData("notes\n")]
    [InlineData("{\"format\":\"palmyra-journal/2\"}\n")]
    public async Task What_is_no_journal_stays_as_it_is(string content)
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 5);
        string path = _folder["journal.jsonl"];
        File.WriteAllText(path, content);
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() =>
            new Evaluator(new InventedScorer()).RunAsync(task, data, new EvaluationOptions { JournalPath = path }));
        Assert.Contains("stays as it is", failure.Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(path));
    }

    /// <summary>Killed at any byte: what is whole is kept, what is not is asked again.</summary>
    [Fact]
    public async Task A_journal_cut_at_any_byte_continues()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 3);
        var options = new EvaluationOptions { BootstrapIterations = 0, JournalPath = _folder["journal.jsonl"] };
        TaskResult whole = await new Evaluator(new InventedScorer()).RunAsync(task, data, options);
        byte[] bytes = File.ReadAllBytes(options.JournalPath);
        for (int length = 0; length <= bytes.Length; length++)
        {
            File.WriteAllBytes(options.JournalPath, bytes[..length]);
            TaskResult again = await new Evaluator(new InventedScorer()).RunAsync(task, data, options);
            Assert.Equal(whole.Metrics, again.Metrics);
            Assert.Equal(bytes, File.ReadAllBytes(options.JournalPath));
        }
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.NegativeInfinity)]
    public async Task What_is_no_number_is_refused_and_not_scored_at_chance(double value)
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.MultipleChoice, 5);
        var options = new EvaluationOptions { JournalPath = _folder["journal.jsonl"] };
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() =>
            new Evaluator(new InventedScorer { Instead = new RequestScore(value, true, 1) }).RunAsync(task, data, options));
        Assert.StartsWith($"invented, item 0 of {data.Path}, request 0: a log-probability was expected to be a finite number", failure.Message, StringComparison.Ordinal);
        Assert.Single(File.ReadAllLines(options.JournalPath));
    }

    [Fact]
    public async Task A_file_that_changes_while_it_is_read_is_refused()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 5000);
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() => new Evaluator(new InventedScorer()).RunAsync(
            task, data, new EvaluationOptions { BootstrapIterations = 0 }, progress: new Progress(step => File.WriteAllText(data.Path, "é0\n"))));
        Assert.Contains("it was changed meanwhile", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Items_whose_context_was_cut_are_counted_across_an_interruption()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.MultipleChoice, 10);
        var options = new EvaluationOptions { JournalPath = _folder["journal.jsonl"] };
        var instead = new RequestScore(-1, true, 1, IsCut: true);
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            new Evaluator(new InventedScorer(dieAfter: 4) { Instead = instead }).RunAsync(task, data, options));
        Assert.Equal(4, (await new Evaluator(new InventedScorer()).RunAsync(task, data, options)).ItemsCut);
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
            var scorer = new InventedScorer { Protocol = protocol };
            TaskResult result = await new Evaluator(scorer).RunAsync(task, data, new EvaluationOptions { Limit = 4 });
            Assert.Equal(4, result.Items);
            return [.. scorer.Asked.Cast<ContinuationRequest>().Select(request => request.Context[^1] - '0')];
        }
    }

    [Fact]
    public async Task Examples_are_drawn_as_Python_draws_them()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.MultipleChoice, 12);
        var scorer = new InventedScorer();
        await new Evaluator(scorer).RunAsync(task, data, new EvaluationOptions { FewShot = 3 });

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

        // From another file nothing is left out, but where the harness's task draws one more: r.sample(range(40), 3), or 4 and then the first 3.
        DataFile training = await Data("training.txt", 40);
        scorer = new InventedScorer();
        await new Evaluator(scorer).RunAsync(
            task, data, new EvaluationOptions { FewShot = 3, FewShotData = training, Limit = 2 });
        Assert.StartsWith("number 28 ", ((ContinuationRequest)scorer.Asked[0]).Context, StringComparison.Ordinal);
        Assert.StartsWith("number 5 ", ((ContinuationRequest)scorer.Asked[2]).Context, StringComparison.Ordinal);
        scorer = new InventedScorer();
        await new Evaluator(scorer).RunAsync(
            new InventedTask(TaskKind.MultipleChoice) { OneMore = true }, data, new EvaluationOptions { FewShot = 3, FewShotData = training, Limit = 2 });

        // Record 0 of the other file says what item 0 says, so that it is left out and the fourth one stays.
        Assert.Equal([28, 7, 5], Shots(scorer.Asked[0]));
        Assert.Equal([37, 2, 5], Shots(scorer.Asked[2]));

        // A task that draws no more than it needs keeps one less where it drew the item: r.sample(range(12), 3) for each.
        scorer = new InventedScorer();
        await new Evaluator(scorer).RunAsync(
            new InventedTask(TaskKind.MultipleChoice) { OneMore = false }, data, new EvaluationOptions { FewShot = 3 });
        Assert.Equal([7, 1], Shots(scorer.Asked[0]));
        Assert.Equal([7, 1], Shots(scorer.Asked[0]));

        static int[] Shots(ScoringRequest request) =>
            [.. ((ContinuationRequest)request).Context.Split("\n\n")[..^1].Select(shot => int.Parse(shot.Split(' ')[1], CultureInfo.InvariantCulture))];
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
        var scorer = new InventedScorer { Protocol = EvaluationProtocol.Harness2021 };
        await new Evaluator(scorer).RunAsync(task, data, new EvaluationOptions { FewShot = 2, Limit = 5 });
        Assert.Equal(
            expected.Select(draw => string.Concat(draw.Value.Select(shot => $"number {shot} {words[shot]}\n\n")) + $"number {draw.Key}"),
            scorer.Asked.Cast<ContinuationRequest>().Select(request => request.Context));

        // Today a solution that begins with a space gets another one in examples.
        scorer = new InventedScorer();
        await new Evaluator(scorer).RunAsync(task, data, new EvaluationOptions { FewShot = 1, Limit = 1 });
        Assert.Matches("^number [0-9]+  é[0-9]+\n\nnumber 0$", ((ContinuationRequest)scorer.Asked[0]).Context);
    }

    [Fact]
    public async Task Too_few_examples_and_examples_for_texts_are_refused()
    {
        (EvaluationTask task, DataFile data) = await Task(TaskKind.Cloze, 3);
        var evaluator = new Evaluator(new InventedScorer());
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
        await new Evaluator(new InventedScorer()).RunAsync(task, data, progress: new Progress(told.Add));
        Assert.Equal((20, 20), (told[^1].Done, told[^1].Total));
        Assert.Equal(Enumerable.Range(1, 20), told.Take(20).Select(step => step.Done));

        using var source = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new Evaluator(new InventedScorer()).RunAsync(
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
