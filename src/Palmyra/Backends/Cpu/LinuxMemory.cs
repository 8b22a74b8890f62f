using System.Runtime.InteropServices;

namespace Palmyra.Backends.Cpu;

/// <summary>The one call to the operating system: large blocks ask for huge pages, which saves most address translations.</summary>
internal static unsafe partial class LinuxMemory
{
    private const int AdviceHugePage = 14;

    /// <summary>Advice only: a system that does not follow it works the same, more slowly; so the answer is not looked at.</summary>
    public static void AdviseHugePages(void* start, nuint length) => _ = Advise(start, length, AdviceHugePage);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint length, int advice);
}
