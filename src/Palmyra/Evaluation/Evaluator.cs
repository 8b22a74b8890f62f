using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Metrics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Evaluation;

/// <summary>Runs tasks on a model: items from the data file, answers from the scorer, metrics from the answers.</summary>
/// <remarks>
/// The whole file is read once before anything is computed, so that a damaged record is found in the first second. Items are always
/// scored and summed in the file's order. Results depend on model, task, data, protocol, limit and examples; not on batches or threads.
/// </remarks>
public sealed class Evaluator
{
    private readonly ITextScorer _scorer;

    /// <summary>Readies a scorer's model.</summary>
    /// <param name="scorer">Gives log-probabilities by its <see cref="ITextScorer.Protocol"/>; it stays the caller's.</param>
    public Evaluator(ITextScorer scorer)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        _scorer = scorer;
    }

    /// <summary>Reads all that a run would read, so that what is wrong with it is found before anything is computed.</summary>
    /// <param name="protocol">The protocol.</param>
    /// <param name="task">The task.</param>
    /// <param name="data">Its data.</param>
    /// <param name="options">How it is to be run; the defaults if null.</param>
    /// <param name="cancellation">Looked at while reading.</param>
    /// <returns>Items that would be scored.</returns>
    /// <exception cref="EvaluationException">A record is malformed, or there are too few examples, or none for such a task.</exception>
    public static int Check(
        EvaluationProtocol protocol, EvaluationTask task, DataFile data, EvaluationOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(protocol);
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(data);
        return Read(protocol, task, data, options ?? new EvaluationOptions(), cancellation).Selection.Order.Count;
    }

    /// <summary>Runs one task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="data">Its data.</param>
    /// <param name="options">How; the defaults if null.</param>
    /// <param name="progress">Told after every item; or null.</param>
    /// <param name="cancellation">Stops between batches; the journal keeps what was answered.</param>
    /// <exception cref="EvaluationException">A record is malformed, the journal is another run's, the model gives no numbers, or its API fails.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A limit below 1, or a negative number of examples or resamples.</exception>
    public async Task<TaskResult> RunAsync(
        EvaluationTask task,
        DataFile data,
        EvaluationOptions? options = null,
        IProgress<EvaluationProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(data);
        options ??= new EvaluationOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(options.FewShot, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.BootstrapIterations, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Limit ?? 1, 1, nameof(options));
        DateTimeOffset started = DateTimeOffset.UtcNow;
        long start = Stopwatch.GetTimestamp();
        long computedBefore = _scorer.TokensComputed;

        (ItemSelection selection, FewShotExamples? examples) = Read(_scorer.Protocol, task, data, options, cancellation);
        int total = selection.Order.Count;
        using EvaluationJournal? journal = options.JournalPath is null
            ? null
            : EvaluationJournal.Open(options.JournalPath, Subject(task, data, options));
        var metrics = TaskMetrics.For(task);
        int resumed = 0;
        int done = 0;
        int cut = 0;
        var waiting = new ConcurrentQueue<EvaluationItem>();
        IAsyncEnumerator<ItemScore> answers = _scorer.ScoreAsync(Unanswered(), cancellation).GetAsyncEnumerator(cancellation);
        await using (answers.ConfigureAwait(false))
        {
            while (await NextAsync().ConfigureAwait(false))
            {
                ItemScore answer = answers.Current;
                if (!waiting.TryDequeue(out EvaluationItem? item) || answer.Item != item.Index)
                {
                    throw new InvalidOperationException($"The scorer answered item {answer.Item} where item {item?.Index} was next.");
                }

                Refuse(answer.Scores, $"{task.Name}, item {item.Index} of {data.Path}");
                journal?.Add(answer);
                Take(item, answer.Scores);
                done++;
                Report();
            }
        }

        if (resumed + done != total)
        {
            throw new EvaluationException($"{data.Path}: the file had {total} items to score when it was first read, and {resumed + done} now; it was changed meanwhile.");
        }

        if (journal is { Found.Count: > 0 })
        {
            throw new EvaluationException($"{options.JournalPath}: the journal holds more answers than the run has items; {EvaluationJournal.Cure}.");
        }

        Report(isResampling: true);
        return new TaskResult
        {
            Task = task.Name,
            Title = task.Title,
            Protocol = _scorer.Protocol.Identify(),
            FewShot = options.FewShot,
            Items = total,
            ItemsCut = cut,
            Limit = options.Limit,
            DataName = Path.GetFileName(data.Path),
            DataSha256 = data.Sha256,
            DataBeside = options.FewShotData is DataFile shots
                ? [.. data.Beside, new FileSum(Path.GetFileName(shots.Path), shots.Sha256), .. shots.Beside]
                : data.Beside,
            DataKnownAs = data.Known?.Name,
            DataIsDerived = data.Known is { IsDerived: true },
            Chance = task.Chance,
            Metrics = metrics.Finish(options.BootstrapIterations, cancellation),
            Run = new RunFacts(
                started, Stopwatch.GetElapsedTime(start).TotalSeconds, _scorer.TokensComputed - computedBefore, _scorer.Description.On),
        };

        void Report(bool isResampling = false) => progress?.Report(new EvaluationProgress(
            task.Name, resumed + done, total, resumed, metrics.Main, _scorer.TokensComputed - computedBefore, isResampling));

        void Take(EvaluationItem item, IReadOnlyList<RequestScore> scores)
        {
            metrics.Add(item, scores);
            cut += scores.Any(score => score.IsCut) ? 1 : 0;
        }

        // What goes wrong with an item is known by its number; the task and the file are known here.
        async ValueTask<bool> NextAsync()
        {
            try
            {
                return await answers.MoveNextAsync().ConfigureAwait(false);
            }
            catch (EvaluationException failure) when (failure.Message.StartsWith("Item ", StringComparison.Ordinal))
            {
                throw new EvaluationException($"{task.Name}, {data.Path}: {failure.Message}", failure);
            }
        }

        // The items the model is asked. The journal answered the first ones; the scorer may draw on a thread of its own.
        IEnumerable<EvaluationItem> Unanswered()
        {
            foreach (EvaluationItem read in task.Read(data))
            {
                cancellation.ThrowIfCancellationRequested();
                if (selection.Contains(read.Index))
                {
                    EvaluationItem item = examples?.Prepend(read) ?? read;
                    if (journal is not null && journal.Found.TryDequeue(out ItemScore? answered))
                    {
                        if (answered.Item != item.Index || answered.Scores.Count != item.Requests.Count)
                        {
                            throw new EvaluationException(
                                $"{options.JournalPath}: the journal's answer number {resumed + 1} is of item {answered.Item} with {answered.Scores.Count} "
                                + $"scores; item {item.Index} with {item.Requests.Count} was expected; {EvaluationJournal.Cure}.");
                        }

                        Take(item, answered.Scores);
                        resumed++;
                    }
                    else
                    {
                        waiting.Enqueue(item);
                        yield return item;
                    }
                }

                if (read.Index >= selection.Last)
                {
                    yield break;
                }
            }
        }
    }

    private static (ItemSelection Selection, FewShotExamples? Examples) Read(
        EvaluationProtocol protocol, EvaluationTask task, DataFile data, EvaluationOptions options, CancellationToken cancellation)
    {
        int count = 0;
        foreach (EvaluationItem _ in task.Read(data))
        {
            cancellation.ThrowIfCancellationRequested();
            count++;
        }

        var selection = new ItemSelection(count, options.Limit, protocol);
        return (selection, options.FewShot == 0
            ? null
            : new FewShotExamples(
                task, options.FewShotData ?? data, options.FewShotData is null, options.FewShot, selection, cancellation));
    }

    // A model that gives NaN would be right wherever the first choice is.
    private static void Refuse(IReadOnlyList<RequestScore> scores, string where)
    {
        for (int i = 0; i < scores.Count; i++)
        {
            if (!double.IsFinite(scores[i].LogProbability) || scores[i].Tokens < 1)
            {
                throw new EvaluationException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{where}, request {i}: a log-probability was expected to be a finite number; the model gave {scores[i].LogProbability} for {scores[i].Tokens} tokens. Its weights are damaged, or its number format is too narrow for them."));
            }
        }
    }

    // What the answers depend on.
    private Dictionary<string, string> Subject(EvaluationTask task, DataFile data, EvaluationOptions options)
    {
        ModelDescription model = _scorer.Description;
        return new Dictionary<string, string>
        {
            ["task"] = task.Name,
            ["task_version"] = task.Version,
            ["model"] = model.Digest ?? model.Name,
            ["where"] = model.Where,
            ["weights"] = model.Weights ?? "unknown",
            ["settings"] = model.Settings ?? "none",
            ["protocol"] = _scorer.Protocol.Identify(),
            ["data"] = Sums(data),
            ["limit"] = options.Limit?.ToString(CultureInfo.InvariantCulture) ?? "none",
            ["examples"] = options.FewShot == 0
                ? "none"
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"{options.FewShot} of {(options.FewShotData is DataFile shots ? Sums(shots) : "the data")}"),
        };
    }

    private static string Sums(DataFile data) => string.Join(' ', data.Beside.Select(file => file.Sha256).Prepend(data.Sha256));
}
