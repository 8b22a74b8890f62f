using System.CommandLine;

namespace Palmyra.Cli.Commands;

internal static class EmbedCommand
{
    public static Command Create() => new("embed", "todo");
}
