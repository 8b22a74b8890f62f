using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using Palmyra.Backends.Cpu;

namespace Palmyra.Benchmarks.Results;

/// <summary>Where and with what results were measured.</summary>
/// <param name="Processor">Its name.</param>
/// <param name="Cores">Logical processors.</param>
/// <param name="Vectors">Bits of the vectors in use.</param>
/// <param name="System">Operating system.</param>
/// <param name="Runtime">.NET.</param>
/// <param name="Commit">The repository's, with a plus if files were changed.</param>
/// <param name="Date">Day.</param>
/// <param name="Load">Runnable threads before anything was measured, as a mean over a minute; null where the system does not say.</param>
internal sealed record Machine(string Processor, int Cores, int Vectors, string System, string Runtime, string Commit, string Date, double? Load)
{
    /// <summary>This one, now.</summary>
    public static Machine Current => new(
        ProcessorName(),
        Environment.ProcessorCount,
        (int)CpuBackend.WidestAccelerated,
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription,
        CommitName(),
        DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        LoadAverage());

    /// <summary>Whether others were using the machine enough to be seen in the results.</summary>
    [JsonIgnore]
    public bool IsBusy => Load > 0.25 * Cores;

    private static double? LoadAverage()
    {
        const string File = "/proc/loadavg";
        return global::System.IO.File.Exists(File)
            ? double.Parse(global::System.IO.File.ReadAllText(File).Split(' ')[0], CultureInfo.InvariantCulture)
            : null;
    }

    private static string ProcessorName()
    {
        const string File = "/proc/cpuinfo";
        string? line = global::System.IO.File.Exists(File)
            ? global::System.IO.File.ReadLines(File).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':') + 1)..].Trim();
    }

    private static string CommitName()
    {
        string commit = Git("rev-parse", "--short", "HEAD");
        return commit.Length == 0 ? "unknown" : Git("status", "--porcelain", "--untracked-files=no").Length == 0 ? commit : commit + "+";
    }

    private static string Git(params string[] arguments)
    {
        try
        {
            using Process git = Process.Start(new ProcessStartInfo("git", arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = Repository.Folder,
            })!;
            string output = git.StandardOutput.ReadToEnd();
            git.WaitForExit();
            return git.ExitCode == 0 ? output.Trim() : "";
        }
        catch (global::System.ComponentModel.Win32Exception)
        {
            // No git: results are still results.
            return "";
        }
    }
}
