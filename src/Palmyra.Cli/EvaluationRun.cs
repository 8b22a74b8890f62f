using System.CommandLine;
using System.Globalization;
using System.Text;
using Palmyra.Cards;
using Palmyra.Checkpoints;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Reports;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Storyteller;

namespace Palmyra.Cli;

/// <summary>What <c>eval</c> does once its arguments are read: each model opened in turn, each task run on it, tables at the end.</summary>
internal sealed class EvaluationRun
{
    public required IReadOnlyList<string> Models { get; init; }

    public required IReadOnlyList<EvaluationTask> Tasks { get; init; }

    public required string? DataFolder { get; init; }

    public required EvaluationProtocol Protocol { get; init; }

    public required int? Limit { get; init; }

    public required int FewShot { get; init; }

    public required IReadOnlyDictionary<string, string> FewShotFiles { get; init; }

    public required int? BatchTokens { get; init; }

    public required int? BootstrapIterations { get; init; }

    public required IReadOnlyList<string> TrainTokens { get; init; }

    public required string? Output { get; init; }

    public required bool Fresh { get; init; }

    public required bool KeepAnswers { get; init; }

    public required string? Chart { get; init; }

    public required IReadOnlyList<string> With { get; init; }

    public required bool Json { get; init; }

    // Where answers lie while a run lasts.
    private string? AnswersFolder => Output is null ? null : Output + ".answers";

    /// <summary>The tasks the options name, each once.</summary>
    public static IReadOnlyList<EvaluationTask> TasksOf(string? names, IReadOnlyList<string> files, string defaults)
    {
        var tasks = new List<EvaluationTask>();
        string[] asked = (names ?? (files.Count > 0 ? string.Empty : defaults))
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (string name in asked)
        {
            tasks.Add(EvaluationTasks.Find(name) ?? throw new UsageException(
                $"'{name}' is no task.{Nearest.Suggest(name, EvaluationTasks.All.Select(task => task.Name).Prepend("lambada"))} 'palmyra eval --list' lists them."));
        }

        tasks.AddRange(files.Select(CustomTask.Load));
        if (tasks.Count == 0)
        {
            throw new UsageException("--tasks names none; 'palmyra eval --list' lists them.");
        }

        return tasks.GroupBy(task => task.Name).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw new UsageException($"The task '{twice.Key}' is named twice.")
            : tasks;
    }

    /// <summary>Values of the form NAME=VALUE.</summary>
    public static IReadOnlyDictionary<string, string> Named(IReadOnlyList<string> values, string option, string form)
    {
        var named = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string value in values)
        {
            int at = value.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0 || at == value.Length - 1 || !named.TryAdd(value[..at], value[(at + 1)..]))
            {
                throw new UsageException($"{option} was expected to be {form}, each name once; found '{value}'.");
            }
        }

        return named;
    }

    public async Task<int> RunAsync(ParseResult parsed, ModelOptions options, ApiOptions api, CancellationToken cancellation)
    {
        (EvaluationTask Task, DataFile Data, DataFile? Examples)[] tasks = await OpenDataAsync(cancellation).ConfigureAwait(false);
        Dictionary<string, double> trainTokens = ReadTrainTokens();
        ModelResults[] earlier = [.. With.SelectMany(file => ReportFile.Read(file).Models)];
        if (Fresh && Directory.Exists(AnswersFolder))
        {
            Directory.Delete(AnswersFolder, recursive: true);
        }

        string[] folders = [.. Models.Count == 0 && !api.IsAsked(parsed) ? [DefaultModel.Folder] : Models];
        var results = new List<ModelResults>();
        foreach (string folder in folders)
        {
            string name;
            using (Checkpoint checkpoint = ModelOptions.OpenCheckpoint(folder))
            {
                name = checkpoint.Name;
            }

            using LanguageModel model = options.Open(parsed, folder, cancellation, Protocol.WeightFormat);
            using var scorer = new LocalTextScorer(model, Protocol, BatchTokens ?? Scorer.DefaultRowsPerBatch, name);
            double? known = trainTokens.TryGetValue(name, out double given) ? given : FrontMatter.Read(model.Folder).TrainingTokens;
            results.Add(Run(scorer, scorer.Description with { TrainingTokens = known }, tasks, cancellation));
        }

        if (api.IsAsked(parsed))
        {
            using ITextScorer scorer = api.Open(parsed, options, Protocol);
            results.Add(Run(scorer, scorer.Description, tasks, cancellation));
        }

        Write(new EvaluationReport([.. earlier, .. results]), new EvaluationReport(results));
        if (!KeepAnswers && Directory.Exists(AnswersFolder))
        {
            Directory.Delete(AnswersFolder, recursive: true);
        }

        return ExitCode.Done;
    }

    private async Task<(EvaluationTask Task, DataFile Data, DataFile? Examples)[]> OpenDataAsync(CancellationToken cancellation)
    {
        if (FewShotFiles.Keys.FirstOrDefault(name => Tasks.All(task => task.Name != name)) is string stranger)
        {
            throw new UsageException($"--fewshot-file names the task '{stranger}', which is not among those to run.");
        }

        if (FewShotFiles.Count > 0 && FewShot == 0)
        {
            throw new UsageException("--fewshot-file is for --num-fewshot, which is not given.");
        }

        var opened = new List<(EvaluationTask, DataFile, DataFile?)>();
        foreach (EvaluationTask task in Tasks)
        {
            string path = (task as CustomTask)?.DataPath
                ?? Evaluation.Tasks.DataFolder.Find(
                    DataFolder ?? throw new UsageException($"{task.Name} needs its data: --data DIR, where one of {string.Join(", ", task.FileNames)} lies."),
                    task);
            DataFile data = await DataFile.OpenAsync(path, task, cancellation).ConfigureAwait(false);
            DataFile? examples = FewShotFiles.TryGetValue(task.Name, out string? file)
                ? await DataFile.OpenAsync(file, task, cancellation).ConfigureAwait(false)
                : null;
            opened.Add((task, data, examples));
        }

        return [.. opened];
    }

    private Dictionary<string, double> ReadTrainTokens()
    {
        if (TrainTokens is [string only] && !only.Contains('=', StringComparison.Ordinal))
        {
            return Models.Count <= 1
                ? new Dictionary<string, double> { [NameOf(Models.FirstOrDefault() ?? DefaultModel.Folder)] = Tokens(only) }
                : throw new UsageException($"--train-tokens was expected to be NAME=N with several models; found '{only}'.");
        }

        return Named(TrainTokens, "--train-tokens", "NAME=N").ToDictionary(pair => pair.Key, pair => Tokens(pair.Value));

        static string NameOf(string folder)
        {
            using Checkpoint checkpoint = ModelOptions.OpenCheckpoint(folder);
            return checkpoint.Name;
        }

        static double Tokens(string text) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double tokens) && tokens > 0 && double.IsFinite(tokens)
                ? tokens
                : throw new UsageException($"--train-tokens was expected to be a positive number such as 402e9; found '{text}'.");
    }

    private ModelResults Run(
        ITextScorer scorer, ModelDescription model, IEnumerable<(EvaluationTask Task, DataFile Data, DataFile? Examples)> tasks, CancellationToken cancellation)
    {
        var evaluator = new Evaluator(scorer, Protocol);
        var results = new List<TaskResult>();
        foreach ((EvaluationTask task, DataFile data, DataFile? examples) in tasks)
        {
            var settings = new EvaluationOptions
            {
                Limit = Limit,
                FewShot = FewShot,
                FewShotData = examples,
                JournalPath = AnswersFolder is string folder ? Path.Combine(folder, $"{FileName(model.Name)}.{FileName(task.Name)}.jsonl") : null,
            };
            settings = BootstrapIterations is int iterations ? settings with { BootstrapIterations = iterations } : settings;
            DateTimeOffset started = DateTimeOffset.UtcNow;
            results.Add(Terminal.WithProgress<TaskResult, EvaluationProgress>(
                $"{model.Name}: {task.Name}",
                step => Describe(model.Name, step, DateTimeOffset.UtcNow - started),
                progress => evaluator.RunAsync(task, data, settings, progress, cancellation).GetAwaiter().GetResult()));
        }

        return new ModelResults(model, results);
    }

    private static (double Share, string Title) Describe(string model, EvaluationProgress step, TimeSpan passed)
    {
        string main = step.Main is MetricValue metric
            ? string.Create(CultureInfo.InvariantCulture, $"  {metric.Name} {metric.Value:G4}")
            : string.Empty;
        string speed = step.TokensComputed > 0 ? $"  {Columns.Count((long)(step.TokensComputed / passed.TotalSeconds))} tokens/s" : string.Empty;
        string items = $"{Columns.Count(step.Done)} of {Columns.Count(step.Total)}";
        return (step.Total == 0 ? 1 : (double)step.Done / step.Total, $"{model}: {step.Task}  {items}{main}{speed}");
    }

    private void Write(EvaluationReport shown, EvaluationReport results)
    {
        if (Output is not null)
        {
            ReportFile.Write(Output, results);
        }

        if (Chart is not null)
        {
            byte[] picture = Encoding.UTF8.GetBytes(ReportChart.Draw(shown));
            AtomicFiles.Write(Chart, stream => stream.Write(picture));
        }

        if (Json)
        {
            Terminal.Json(writer => ReportFile.Write(writer, shown));
            return;
        }

        Console.Out.WriteLine(ReportTable.Card(shown));
        Console.Out.WriteLine(ReportTable.Full(shown));
    }

    // An id has slashes, and a custom task may be called anything.
    private static string FileName(string name) =>
        string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' ? letter : '-'));
}
