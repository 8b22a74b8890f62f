using System.Text.Json;
using Xunit;

namespace Palmyra.Cli.Tests;

/// <summary>What a finished process left.</summary>
internal sealed record RunResult(int ExitCode, string Output, string Error)
{
    /// <summary>Asserts success with nothing on stderr and parses stdout as one JSON value a line.</summary>
    public JsonElement[] JsonLines()
    {
        Assert.Equal((0, string.Empty), (ExitCode, Error));
        return [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
    }

    /// <summary>Asserts an exit code, one line on stderr that holds the text, and nothing on stdout.</summary>
    public void Refuses(int exitCode, string message)
    {
        Assert.Equal((exitCode, string.Empty), (ExitCode, Output));
        Assert.Contains(message, Error, StringComparison.Ordinal);
        Assert.StartsWith("palmyra: ", Error, StringComparison.Ordinal);
        Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
    }
}
