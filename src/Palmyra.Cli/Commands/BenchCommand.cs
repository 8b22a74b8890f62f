using System.CommandLine;

namespace Palmyra.Cli.Commands;

internal static class BenchCommand
{
    public static Command Create() => new("bench", "todo");
}
