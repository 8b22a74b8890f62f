using System.CommandLine;

namespace Palmyra.Cli.Commands;

internal static class ScoreCommand
{
    public static Command Create() => new("score", "todo");
}
