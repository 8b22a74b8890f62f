using System.CommandLine;

namespace Palmyra.Benchmarks.Results;

/// <summary><c>chart</c>: draws the targets of result files.</summary>
internal static class ChartCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var picture = new Argument<string>("OUT.svg") { Description = "The picture to write." };
        var files = new Argument<string[]>("RESULTS")
        {
            Description = "Files that targets --json or tools/compare-llama-cpp wrote.",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("chart", "Draw the rows that have targets.") { picture, files };
        command.SetAction(parsed =>
            File.WriteAllText(parsed.GetValue(picture)!, BarChart.Draw(parsed.GetValue(files)!.SelectMany(file => ResultFile.Read(file).Rows))));
        return command;
    }
}
