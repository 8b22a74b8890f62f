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
/// <param name="scorer">Gives log-probabilities; it stays the caller's.</param>
/// <param name="protocol">Named in results; it decides here which items a limit takes. The scorer was made for the same one.</param>
public sealed class Evaluator(ITextScorer scorer, EvaluationProtocol protocol)
{
    /// <summary>Runs one task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="data">Its data.</param>
    /// <param name="options">How; the defaults if null.</param>
    /// <param name="progress">Told after every batch of answers; or null.</param>
    /// <param name="cancellation">Stops between batches; the journal keeps what was answered.</param>
    /// <exception cref="EvaluationException">A record is malformed, the journal is another run's, or the model's API fails.</exception>
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
        long computedBefore = scorer.TokensComputed;

        int count = Count(task, data, cancellation);
        var selection = new ItemSelection(count, options.Limit, protocol);
        int total = selection.Order.Count;
        FewShotExamples? examples = options.FewShot == 0
            ? null
            : new FewShotExamples(task, options.FewShotData ?? data, options.FewShotData is null, options.FewShot, selection);
        using EvaluationJournal? journal = options.JournalPath is null
            ? null
            : EvaluationJournal.Open(options.JournalPath, Subject(task, data, options));

        var metrics = TaskMetrics.For(task);
        int resumed = 0;
        int done = 0;
        var waiting = new ConcurrentQueue<EvaluationItem>();
        await foreach (ItemScore answers in scorer.ScoreAsync(Unanswered(), cancellation).ConfigureAwait(false))
        {
            if (!waiting.TryDequeue(out EvaluationItem? item) || answers.Item != item.Index)
            {
                throw new InvalidOperationException($"The scorer answered item {answers.Item} where item {item?.Index} was next.");
            }

            journal?.Add(answers);
            metrics.Add(item, answers.Scores);
            done++;
            Report();
        }

        if (journal is { Found.Count: > 0 })
        {
            throw new EvaluationException($"{options.JournalPath}: the journal holds more answers than the run has items; start afresh.");
        }

        Report();
        return new TaskResult
        {
            Task = task.Name,
            Title = task.Title,
            Protocol = protocol.Name,
            FewShot = options.FewShot,
            Items = total,
            Limit = options.Limit,
            DataName = Path.GetFileName(data.Path),
            DataSha256 = data.Sha256,
            DataBeside = options.FewShotData is DataFile shots ? [.. data.Beside, new FileSum(Path.GetFileName(shots.Path), shots.Sha256)] : data.Beside,
            DataKnownAs = data.Known?.Name,
            Chance = task.Chance,
            Metrics = metrics.Finish(options.BootstrapIterations, cancellation),
            Run = new RunFacts(started, Stopwatch.GetElapsedTime(start).TotalSeconds, scorer.TokensComputed - computedBefore),
        };

        void Report() => progress?.Report(new EvaluationProgress(
            task.Name, resumed + done, total, resumed, metrics.Main, scorer.TokensComputed - computedBefore));

        // The items the model is asked. The journal answered the first ones; the scorer may draw on a thread of its own.
        IEnumerable<EvaluationItem> Unanswered()
        {
            foreach (EvaluationItem read in task.Read(data))
            {
                if (!selection.Contains(read.Index))
                {
                    continue;
                }

                EvaluationItem item = examples?.Prepend(read) ?? read;
                if (journal is not null && journal.Found.TryDequeue(out ItemScore? answered))
                {
                    if (answered.Item != item.Index || answered.Scores.Count != item.Requests.Count)
                    {
                        throw new EvaluationException(
                            $"{options.JournalPath}: the journal's answer number {resumed + 1} is of item {answered.Item} with {answered.Scores.Count} "
                            + $"scores; item {item.Index} with {item.Requests.Count} was expected; start afresh.");
                    }

                    metrics.Add(item, answered.Scores);
                    resumed++;
                    continue;
                }

                waiting.Enqueue(item);
                yield return item;
            }
        }
    }

    // What the answers depend on.
    private Dictionary<string, string> Subject(EvaluationTask task, DataFile data, EvaluationOptions options)
    {
        ModelDescription model = scorer.Description;
        return new Dictionary<string, string>
        {
            ["task"] = task.Name,
            ["task_version"] = task.Version,
            ["model"] = model.Digest ?? $"{model.Name} at {model.Where}",
            ["weights"] = model.Weights ?? "unknown",
            ["protocol"] = protocol.Name,
            ["data"] = string.Join(' ', data.Beside.Select(file => file.Sha256).Prepend(data.Sha256)),
            ["limit"] = options.Limit?.ToString(CultureInfo.InvariantCulture) ?? "none",
            ["examples"] = options.FewShot == 0
                ? "none"
                : string.Create(CultureInfo.InvariantCulture, $"{options.FewShot} of {options.FewShotData?.Sha256 ?? "the data"}"),
        };
    }

    private static int Count(EvaluationTask task, DataFile data, CancellationToken cancellation)
    {
        int count = 0;
        foreach (EvaluationItem _ in task.Read(data))
        {
            cancellation.ThrowIfCancellationRequested();
            count++;
        }

        return count;
    }
}
