using System.Diagnostics;
using System.Text;
using Palmyra.Testing;

namespace Palmyra.Cli.Tests;

/// <summary>Runs the built program as a process, as a shell would, with its streams redirected.</summary>
internal static class CommandLine
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "Palmyra.Cli.dll");

    /// <summary>Runs with standard input empty.</summary>
    public static RunResult Run(params string[] arguments) => RunWithInput(string.Empty, arguments);

    /// <summary>Runs with a folder as the Hugging Face cache.</summary>
    public static RunResult RunWithCache(string cache, params string[] arguments) => Finish(Start(arguments, ("HF_HUB_CACHE", cache)), string.Empty, arguments);

    /// <summary>Runs with a folder as the user's application data, where the system's environment says what that is.</summary>
    public static RunResult RunWithData(string folder, params string[] arguments) => Finish(Start(arguments, ("XDG_DATA_HOME", folder)), string.Empty, arguments);

    /// <summary>Runs with a text as standard input, in the repository's root, for a minute at most.</summary>
    public static RunResult RunWithInput(string input, params string[] arguments) => Finish(Start(arguments), input, arguments);

    private static RunResult Finish(Process started, string input, string[] arguments)
    {
        using Process process = started;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(1)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"palmyra {string.Join(' ', arguments)} did not end within a minute.");
        }

        return new RunResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>Starts the program and leaves it running.</summary>
    public static Process Start(params string[] arguments) => Start(arguments, environment: null);

    private static Process Start(string[] arguments, (string Name, string Value)? environment)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = Fixtures.RepositoryRoot,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.ArgumentList.Add(Program);
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        if (environment is (string name, string value))
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
