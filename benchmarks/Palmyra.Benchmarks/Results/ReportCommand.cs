using System.CommandLine;

namespace Palmyra.Benchmarks.Results;

/// <summary><c>report</c>: writes the tables of result files into a page.</summary>
internal static class ReportCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var page = new Argument<string>("PAGE") { Description = "The page, with the two marker lines." };
        var files = new Argument<string[]>("RESULTS")
        {
            Description = "Files that targets --json or tools/compare-llama-cpp wrote.",
            Arity = ArgumentArity.OneOrMore,
        };
        var chart = new Option<string?>("--chart") { Description = "The chart's path, relative to the page.", HelpName = "FILE" };
        var command = new Command("report", "Write the tables of result files into a page.") { page, files, chart };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(page)!;
            ResultFile[] results = [.. parsed.GetValue(files)!.Select(ResultFile.Read)];
            File.WriteAllText(path, ResultPage.Fill(File.ReadAllText(path), results, parsed.GetValue(chart)));
        });
        return command;
    }
}
