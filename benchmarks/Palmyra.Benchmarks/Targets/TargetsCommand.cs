using System.CommandLine;
using System.Globalization;
using Palmyra.Benchmarks.Results;

namespace Palmyra.Benchmarks.Targets;

/// <summary><c>targets</c>: every row of the targets table, measured in rounds with the limit it is a share of.</summary>
internal static class TargetsCommand
{
    private static readonly (string Name, string What, Func<TargetOptions, IEnumerable<ResultRow>> Measure)[] Parts =
    [
        ("gemv", "products of few rows, from memory", GemvRows.Measure),
        ("gemm", "products of 512 rows, beside ONNX Runtime", GemmRows.Measure),
        ("operations", "attention and scoring", OperationRows.Measure),
        ("model", "gpt2: decode, prefill, allocation", ModelRows.Measure),
        ("process", "time to the first token of a process", ProcessRows.FirstToken),
        ("gptj", "gpt-j-6b in Q4: memory and decode; minutes", ProcessRows.GptJ),
    ];

    /// <summary>The command.</summary>
    public static Command Create()
    {
        string names = string.Join(", ", Parts.Select(part => part.Name));
        var rounds = new Option<int>("--rounds")
        {
            Description = "Rounds of interleaved measurements, at least 5.",
            DefaultValueFactory = _ => 5,
            HelpName = "N",
        };
        var threads = new Option<string>("--threads")
        {
            Description = "Numbers of threads, separated by commas.",
            DefaultValueFactory = _ => "1,2",
            HelpName = "LIST",
        };
        var json = new Option<string?>("--json") { Description = "Also writes the results to a file, after every part.", HelpName = "FILE" };
        var gptJ = new Option<bool>("--gptj") { Description = "Also measures gpt-j-6b, which takes minutes and 8 GB." };
        var only = new Option<string?>("--only") { Description = $"Parts to measure, separated by commas: {names}.", HelpName = "LIST" };
        var command = new Command("targets", "Measure every row of the targets table.") { rounds, threads, json, gptJ, only };
        rounds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 5 or > 1000)
            {
                result.AddError("--rounds was expected to be 5 to 1000.");
            }
        });
        threads.Validators.Add(result =>
        {
            if (!result.GetValueOrDefault<string>().Split(',').All(IsCount))
            {
                result.AddError("--threads was expected to be numbers from 1 to 1024, separated by commas.");
            }
        });
        only.Validators.Add(result =>
        {
            string[] given = result.GetValueOrDefault<string?>()?.Split(',') ?? [];
            if (given.Except(Parts.Select(part => part.Name)).FirstOrDefault() is string unknown)
            {
                result.AddError($"--only was expected to name parts ({names}); found '{unknown}'.");
            }
        });
        command.SetAction(parsed =>
        {
            int[] counts = [.. parsed.GetValue(threads)!.Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
            string[]? chosen = parsed.GetValue(only)?.Split(',');
            bool Wanted(string name) => chosen?.Contains(name) ?? (name != "gptj" || parsed.GetValue(gptJ));
            Run(new TargetOptions(parsed.GetValue(rounds), counts), Wanted, parsed.GetValue(json));
        });
        return command;
    }

    private static bool IsCount(string text) => int.TryParse(text, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= 1024;

    private static void Run(TargetOptions options, Func<string, bool> wanted, string? json)
    {
        Machine machine = Machine.Current;
        var rows = new List<ResultRow>();
        Console.WriteLine($"{machine.Processor}, {machine.Cores} processors, {machine.Runtime}, commit {machine.Commit}");
        if (machine.IsBusy)
        {
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"Others are using this machine ({machine.Load:F1} processors busy): expect wide spreads."));
        }

        foreach ((string name, string what, Func<TargetOptions, IEnumerable<ResultRow>> measure) in Parts.Where(part => wanted(part.Name)))
        {
            Console.WriteLine();
            Console.WriteLine($"{name}: {what}");
            foreach (ResultRow row in measure(options))
            {
                rows.Add(row);
                Console.WriteLine(
                    $"  {row.Title,-72} {row.Measured,-28} {row.Of,-15} {row.TargetText,-14} {row.Verdict,-13} {row.Note}".TrimEnd());
            }

            if (json is not null)
            {
                new ResultFile($"Targets, medians of {options.Rounds} rounds", machine, rows).Write(json);
            }
        }

        ResultRow[] aimed = [.. rows.Where(row => row.Target is not null)];
        Console.WriteLine();
        int reached = aimed.Count(row => row.Reached == true), missing = aimed.Count(row => row.Values.Length == 0);
        Console.WriteLine($"{reached} of {aimed.Length} targets reached, {missing} not measured");
    }
}
