using System.CommandLine;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra eval</c>: the model card's evaluation table, for any checkpoint and for models behind an API.</summary>
internal static class EvalCommand
{
    private const string DefaultTasks = "lambada,winogrande,hellaswag,piqa";

    public static Command Create()
    {
        var models = new Argument<string[]>("MODEL")
        {
            Description = "Models' folders or ids, side by side; the storyteller by default.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        CommandOption.RequireText(models);
        var list = CommandOption.Flag("--list", "List tasks and protocols, and the data files looked for.");
        var tasks = CommandOption.Value<string?>("--tasks", $"Tasks, with commas between; {DefaultTasks} by default.", "NAMES");
        var taskFiles = CommandOption.Value<string[]>("--task-file", "A task of your own, described in JSON; may be repeated.", "FILE");
        var data = CommandOption.Value<string?>("--data", "The folder that holds the tasks' data files, itself or in folders of its own; or the file of a single task.", "DIR|FILE");
        var protocol = CommandOption.Choice(
            "--protocol", "Whose numbers: the harness's of today or of 2021, or mesh-transformer-jax's.",
            [.. EvaluationProtocol.All.Select(known => known.Name)]);
        var limit = CommandOption.Value<int?>("--limit", "Items of each task at most; all by default.", "N");
        var shots = CommandOption.Value<int?>("--num-fewshot", "Solved examples in front of each item; none by default.", "N");
        var shotFiles = CommandOption.Value<string[]>(
            "--fewshot-file", "Where a task's examples are drawn from; its own data without the item by default. May be repeated.", "TASK=FILE");
        var batch = CommandOption.Value<int?>("--batch-tokens", "Tokens that go through a model at a time: memory, not results, depends on it.", "N");
        var bootstrap = CommandOption.Value<int?>("--bootstrap", "Resamples for the error of a perplexity; 100,000 by default, 0 for none.", "N");
        var trained = CommandOption.Value<string[]>(
            "--train-tokens", "Tokens a model was trained on, for the column of training FLOPs; NAME=N where there are several. May be repeated.", "N");
        var output = CommandOption.Value<string?>(
            "--output", "Write this run's results as JSON. Answers are kept beside it while it runs, so that a killed run continues.", "FILE");
        var fresh = CommandOption.Flag("--fresh", "Throw away what an interrupted run left, and start anew.");
        var keep = CommandOption.Flag("--keep-answers", "Leave every item's answers beside --output, a JSON line each.");
        var chart = CommandOption.Value<string?>("--chart", "Draw the results as SVG.", "FILE");
        var with = CommandOption.Value<string[]>("--with", "Show earlier results beside these, in tables, chart and --json; may be repeated.", "RESULTS");
        var json = CommandOption.Json("Write the results as JSON instead of tables.");
        var options = new ModelOptions(exact: true);
        var api = new ApiOptions();
        var command = new Command("eval", "Score tasks and print the model card's table; what needs no data: 'palmyra eval --list'.")
        {
            models, list, tasks, taskFiles, data, protocol, limit, shots, shotFiles, batch, bootstrap, trained, output, fresh, keep, chart, with, json,
        };
        options.AddTo(command, model: false);
        command.Add(options.SplitRegex);
        api.AddTo(command);
        foreach (Option option in new Option[] { taskFiles, data, shotFiles, output, chart, with })
        {
            CommandOption.RequireText(option);
        }

        CommandOption.Between(limit, 1);
        CommandOption.Between(shots, 0);
        CommandOption.Between(batch, 1);
        CommandOption.Between(bootstrap, 0);
        command.Validators.Add(result =>
        {
            if (result.GetValue(output) is null && (result.GetValue(fresh) || result.GetValue(keep)))
            {
                result.AddError("--fresh and --keep-answers are about what lies beside --output, which is not given.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            if (parsed.GetValue(list))
            {
                WriteList(Console.Out);
                return Task.FromResult(ExitCode.Done);
            }

            var run = new EvaluationRun
            {
                Models = parsed.GetValue(models) ?? [],
                Tasks = EvaluationRun.TasksOf(parsed.GetValue(tasks), parsed.GetValue(taskFiles) ?? [], DefaultTasks),
                Data = parsed.GetValue(data),
                Protocol = EvaluationProtocol.Find(parsed.GetValue(protocol)!)!,
                Limit = parsed.GetValue(limit),
                FewShot = parsed.GetValue(shots) ?? 0,
                FewShotFiles = EvaluationRun.Named(parsed.GetValue(shotFiles) ?? [], "--fewshot-file", "TASK=FILE"),
                BatchTokens = parsed.GetValue(batch),
                BootstrapIterations = parsed.GetValue(bootstrap),
                TrainTokens = parsed.GetValue(trained) ?? [],
                Output = parsed.GetValue(output),
                Fresh = parsed.GetValue(fresh),
                KeepAnswers = parsed.GetValue(keep),
                Chart = parsed.GetValue(chart),
                With = parsed.GetValue(with) ?? [],
                Json = parsed.GetValue(json),
            };
            return run.RunAsync(parsed, options, api, cancellation);
        });
        return command;
    }

    private static void WriteList(TextWriter output)
    {
        output.WriteLine("tasks:");
        Columns.Write(output, "lll", EvaluationTasks.All.Select(task =>
            new[] { "  " + task.Name, task.Title, string.Join(", ", task.FileNames) }));
        output.WriteLine();
        output.WriteLine("protocols:");
        Columns.Write(output, "ll", EvaluationProtocol.All.Select(protocol => new[] { "  " + protocol.Name, protocol.Meaning }));
    }
}
