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
/// <param name="Load">Processors that others kept busy in a second before anything was measured; null where the system does not say.</param>
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
        OthersLoad());

    /// <summary>Whether others were using the machine enough to be seen in the results.</summary>
    [JsonIgnore]
    public bool IsBusy => Load > 0.25 * Cores;

    // Looked at for a second in which this process sleeps: a mean over the last minute would show the build that came before.
    private static double? OthersLoad()
    {
        const string File = "/proc/stat";
        if (!global::System.IO.File.Exists(File))
        {
            return null;
        }

        (double busy, double all) = Ticks();
        Thread.Sleep(1000);
        (double busyThen, double allThen) = Ticks();
        return (busyThen - busy) / Math.Max(1, allThen - all) * Environment.ProcessorCount;

        // "cpu  user nice system idle iowait irq softirq steal ...", in ticks of all processors together.
        static (double Busy, double All) Ticks()
        {
            double[] ticks = [.. global::System.IO.File.ReadLines(File).First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8)
                .Select(text => double.Parse(text, CultureInfo.InvariantCulture))];
            return (ticks.Sum() - ticks[3] - ticks[4], ticks.Sum());
        }
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
