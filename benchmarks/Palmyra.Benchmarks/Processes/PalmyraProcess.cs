using System.Diagnostics;

namespace Palmyra.Benchmarks.Processes;

/// <summary>The command line as a process of its own, as people run it.</summary>
internal static class PalmyraProcess
{
    private const string Configuration =
#if DEBUG
        "Debug";
#else
        "Release";
#endif

    // Looked at often enough to see what a process holds for a moment, seldom enough not to disturb it.
    private const int PollMilliseconds = 100;

    private static readonly string Assembly =
        Path.Combine(Repository.Folder, "src", "Palmyra.Cli", "bin", Configuration, "net10.0", "Palmyra.Cli.dll");

    /// <summary>Starts <c>palmyra generate</c>, waits for the first token after the prompt, and ends it.</summary>
    /// <returns>Seconds from the start of the process to its first token.</returns>
    public static double FirstToken()
    {
        const string Prompt = "Once upon a time";
        long start = Stopwatch.GetTimestamp();
        using Process process = Start("generate", Prompt, "--max-new-tokens", "64");

        // The prompt is shown first.
        for (int shown = 0; shown <= Prompt.Length; shown++)
        {
            if (process.StandardOutput.Read() < 0)
            {
                throw new InvalidOperationException($"palmyra generate was expected to write tokens; it wrote {shown} characters.");
            }
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        process.Kill();
        process.WaitForExit();
        return seconds;
    }

    /// <summary>Runs a command to its end.</summary>
    /// <returns>What it wrote, the most memory it held in bytes, and its errors if it failed.</returns>
    public static (string Output, long PeakBytes, string? Error) Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        long peak = 0;
        while (!process.WaitForExit(PollMilliseconds))
        {
            process.Refresh();
            peak = Math.Max(peak, process.HasExited ? 0 : process.PeakWorkingSet64);
        }

        return (output.Result, peak, process.ExitCode == 0 ? null : error.Result.Trim());
    }

    private static Process Start(params string[] arguments)
    {
        // The same runtime if this process was started by one.
        string? host = Environment.ProcessPath;
        string dotnet = host is not null && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet";
        return Process.Start(new ProcessStartInfo(dotnet, [Assembly, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}
