using System.CommandLine;
using System.Globalization;
using System.Text;
using Palmyra.Cards;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Reports;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Models;
using Palmyra.Storyteller;
using Palmyra.Tokenization;

namespace Palmyra.Cli;

/// <summary>What <c>eval</c> does once its arguments are read: each model opened in turn, each task run on it, tables at the end.</summary>
internal sealed class EvaluationRun
{
    // Tasks of all models, and how many of them have begun.
    private int _count;
    private int _number;

    public required IReadOnlyList<string> Models { get; init; }

    public required IReadOnlyList<EvaluationTask> Tasks { get; init; }

    /// <summary>The folder of data files, or the file of the only task.</summary>
    public required string? Data { get; init; }

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
        // Whatever would fail at the end of a night fails here.
        CheckOutputs();
        ModelResults[] earlier = [.. With.SelectMany(file => ReportFile.Read(file).Models)];
        PlannedTask[] tasks = await OpenDataAsync(cancellation).ConfigureAwait(false);
        PlannedModel[] models = [.. (Models.Count == 0 && !api.IsAsked(parsed) ? [DefaultModel.Folder] : Models).Select(folder => Plan(parsed, options, folder))];
        if (models.GroupBy(model => model.Folder).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new UsageException($"The model '{twice.Key}' is named twice.");
        }

        using ITextScorer? remote = api.IsAsked(parsed) ? api.Open(parsed, options, Protocol) : null;
        Dictionary<string, double> trainTokens = ReadTrainTokens(
            [.. models.Select(model => model.Name), .. remote is null ? Array.Empty<string>() : [remote.Description.Name]]);
        using AnswersFolder? answers = Output is null ? null : AnswersFolder.Open(Output);
        var results = new List<ModelResults>();
        _count = tasks.Length * (models.Length + (remote is null ? 0 : 1));
        try
        {
            foreach (PlannedModel planned in models)
            {
                int rows = BatchTokens ?? Scorer.DefaultRowsPerBatch;

                // A sequence longer than a batch is a batch by itself.
                using LanguageModel model = options.Open(
                    parsed, planned.Folder, config => new ModelUse { Rows = Math.Max(rows, config.ContextLength) }, cancellation, Protocol.WeightFormat);
                using var scorer = new LocalTextScorer(model, Protocol, rows, planned.Name);
                FrontMatter head = FrontMatter.Read(model.Folder);
                Run(scorer, scorer.Description with
                {
                    TrainingTokens = trainTokens.TryGetValue(planned.Name, out double given) ? given : head.TrainingTokens,
                    IsPublic = head.IsPublic,
                    DatasetGigabytes = head.DatasetGigabytes,
                });
            }

            if (remote is not null)
            {
                Run(remote, remote.Description with
                {
                    TrainingTokens = trainTokens.TryGetValue(remote.Description.Name, out double given) ? given : null,
                });
            }
        }
        catch (PalmyraException) when (results.Exists(model => model.Tasks.Count > 0))
        {
            // What was measured is shown all the same; the reason follows on stderr.
            Show(new EvaluationReport([.. earlier, .. results]));
            throw;
        }

        if (Output is not null)
        {
            ReportFile.Write(Output, new EvaluationReport(results));
        }

        Show(new EvaluationReport([.. earlier, .. results]));
        if (!KeepAnswers)
        {
            answers?.DeleteJournals();
        }

        return ExitCode.Done;

        void Run(ITextScorer scorer, ModelDescription model)
        {
            var finished = new List<TaskResult>();
            results.Add(new ModelResults(model, finished));
            foreach (PlannedTask task in tasks)
            {
                finished.Add(RunTask(scorer, model, task, answers, cancellation));
            }
        }
    }

    private void CheckOutputs()
    {
        foreach ((string? path, string option) in new[] { (Output, "--output"), (Chart, "--chart") })
        {
            if (path is not null)
            {
                OutputFile.Check(path, option);
            }
        }

        string? chart = Chart is null ? null : Path.GetFullPath(Chart);
        if (chart is not null && With.Append(Output).Any(other => other is not null && Path.GetFullPath(other) == chart))
        {
            throw new UsageException($"--chart would overwrite results: '{Chart}' is also the name of --output or --with.");
        }
    }

    private PlannedModel Plan(ParseResult parsed, ModelOptions options, string folder)
    {
        using Checkpoint checkpoint = ModelOptions.OpenCheckpoint(folder);
        if (!checkpoint.HasWeights)
        {
            throw new CheckpointException($"{checkpoint.Folder}: the folder has no weights.");
        }

        GptTokenizer tokenizer = GptTokenizer.Open(checkpoint.Folder, new TokenizerOptions { SplitPattern = parsed.GetValue(options.SplitRegex) });
        int rows = ModelConfigReader.ReadFile(checkpoint.ConfigPath).VocabularySize;
        if (tokenizer.VocabularySize > rows)
        {
            Terminal.Note($"{checkpoint.Name}: the tokenizer has {Columns.Count(tokenizer.VocabularySize)} tokens, the model {Columns.Count(rows)}; a text that uses the others cannot be scored.");
        }

        return new PlannedModel(checkpoint.Folder, checkpoint.Name);
    }

    private async Task<PlannedTask[]> OpenDataAsync(CancellationToken cancellation)
    {
        if (FewShotFiles.Keys.FirstOrDefault(name => Tasks.All(task => task.Name != name)) is string stranger)
        {
            throw new UsageException($"--fewshot-file names the task '{stranger}', which is not among those to run.");
        }

        if (FewShotFiles.Count > 0 && FewShot == 0)
        {
            throw new UsageException("--fewshot-file is for --num-fewshot, which is not given.");
        }

        var opened = new List<PlannedTask>();
        foreach (EvaluationTask task in Tasks)
        {
            DataFile data = await DataFile.OpenAsync(PathOf(task), task, cancellation).ConfigureAwait(false);
            DataFile? examples = FewShotFiles.TryGetValue(task.Name, out string? file)
                ? await DataFile.OpenAsync(file, task, cancellation).ConfigureAwait(false)
                : null;
            var settings = new EvaluationOptions { Limit = Limit, FewShot = FewShot, FewShotData = examples };
            settings = BootstrapIterations is int iterations ? settings with { BootstrapIterations = iterations } : settings;
            Evaluator.Check(Protocol, task, data, settings, cancellation);
            opened.Add(new PlannedTask(task, data, settings));
        }

        return [.. opened];
    }

    private string PathOf(EvaluationTask task)
    {
        if (task is CustomTask own)
        {
            return own.DataPath;
        }

        string files = task.FileNames.Count == 0 ? "the file to score" : $"the folder where one of {string.Join(", ", task.FileNames)} lies";
        string data = Data ?? throw new UsageException($"{task.Name} needs its data: --data, {files}.");
        return !File.Exists(data) ? DataFolder.Find(data, task)
            : Tasks.Count == 1 ? data
            : throw new UsageException($"--data names a file, '{data}', which serves one task; {Tasks.Count} are asked for. Give the folder.");
    }

    private Dictionary<string, double> ReadTrainTokens(IReadOnlyList<string> names)
    {
        if (TrainTokens is [string only] && !only.Contains('=', StringComparison.Ordinal))
        {
            return names is [string name]
                ? new Dictionary<string, double> { [name] = Tokens(only) }
                : throw new UsageException($"--train-tokens was expected to be NAME=N with several models; found '{only}'.");
        }

        IReadOnlyDictionary<string, string> named = Named(TrainTokens, "--train-tokens", "NAME=N");
        return named.Keys.FirstOrDefault(name => !names.Contains(name)) is string stranger
            ? throw new UsageException($"--train-tokens names '{stranger}', which is no model of this run.{Nearest.Suggest(stranger, names)} They are {string.Join(", ", names)}.")
            : named.ToDictionary(pair => pair.Key, pair => Tokens(pair.Value));

        static double Tokens(string text) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double tokens) && tokens > 0 && double.IsFinite(tokens)
                ? tokens
                : throw new UsageException($"--train-tokens was expected to be a positive number such as 402e9; found '{text}'.");
    }

    private TaskResult RunTask(
        ITextScorer scorer, ModelDescription model, PlannedTask task, AnswersFolder? answers, CancellationToken cancellation)
    {
        // Two folders of one name are two models.
        string subject = model.Digest is string digest ? $"{model.Name}-{digest[..8]}" : model.Name;
        EvaluationOptions settings = task.Settings with { JournalPath = answers?.Journal(subject, task.Task.Name, Fresh) };
        var line = new EvaluationProgressLine(model.Name, ++_number, _count);
        return Terminal.WithProgress<TaskResult, EvaluationProgress>(
            $"{model.Name}: {task.Task.Name}",
            line.Describe,
            progress => new Evaluator(scorer).RunAsync(task.Task, task.Data, settings, progress, cancellation).GetAwaiter().GetResult());
    }

    private void Show(EvaluationReport report)
    {
        if (Chart is not null)
        {
            byte[] picture = Encoding.UTF8.GetBytes(ReportChart.Draw(report));
            AtomicFiles.Write(Chart, stream => stream.Write(picture));
        }

        if (Json)
        {
            Terminal.Json(writer => ReportFile.Write(writer, report));
            return;
        }

        Console.Out.WriteLine(ReportTable.Card(report));
        Console.Out.WriteLine(ReportTable.Full(report));
    }

    private sealed record PlannedModel(string Folder, string Name);

    private sealed record PlannedTask(EvaluationTask Task, DataFile Data, EvaluationOptions Settings);
}
