namespace Palmyra.Gpu.Driver;

/// <summary>NVIDIA's own number of its driver, such as 580.95.05; libcuda tells only which CUDA it serves.</summary>
public static class DriverRelease
{
    private const string ModuleFile = "/proc/driver/nvidia/version";

    /// <summary>As Linux's kernel module states it; null where nothing states it: without the module, in some containers, on other systems.</summary>
    public static string? OfSystem()
    {
        try
        {
            return File.Exists(ModuleFile) ? In(File.ReadLines(ModuleFile).FirstOrDefault(string.Empty)) : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The number in "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025" and its like; null if none is.</summary>
    internal static string? In(string line) => Array.Find(line.Split(' '), IsRelease);

    // Numbers with dots between: neither a time of day nor a year.
    private static bool IsRelease(string word) =>
        word.Split('.') is { Length: 2 or 3 } parts && Array.TrueForAll(parts, part => part.Length > 0 && part.All(char.IsAsciiDigit));
}
