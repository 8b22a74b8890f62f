using System.CommandLine;

namespace Palmyra.Cli.Commands;

internal static class TokenizeCommand
{
    public static Command Create() => new("tokenize", "todo");
}
