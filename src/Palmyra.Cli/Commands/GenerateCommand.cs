using System.CommandLine;

namespace Palmyra.Cli.Commands;

internal static class GenerateCommand
{
    public static Command Create() => new("generate", "todo");
}
