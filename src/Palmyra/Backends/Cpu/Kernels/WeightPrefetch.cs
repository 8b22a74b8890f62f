using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>How kernels that are bound by memory ask for weights ahead of their reading.</summary>
/// <remarks>
/// The distance hides the memory's latency and stays inside the nearest cache. Non-temporally: a weight is wanted once a step, and lines that
/// need not pass the other caches on their way out come faster; weights that do fit a cache were measured to stay there all the same.
/// </remarks>
internal static unsafe class WeightPrefetch
{
    /// <summary>Bytes ahead.</summary>
    public const int Distance = 4096;

    private const int CacheLine = 64;

    /// <summary>Asks for up to three lines, straight: for the innermost loops.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Lines(void* reading, int bytes)
    {
        if (Sse.IsSupported)
        {
            byte* ahead = (byte*)reading + Distance;
            Sse.PrefetchNonTemporal(ahead);
            if (bytes > CacheLine)
            {
                Sse.PrefetchNonTemporal(ahead + CacheLine);
            }

            if (bytes > 2 * CacheLine)
            {
                Sse.PrefetchNonTemporal(ahead + (2 * CacheLine));
            }
        }
    }

    /// <summary>Asks for any number of bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Stretch(void* reading, int bytes)
    {
        if (Sse.IsSupported)
        {
            for (int line = 0; line < bytes; line += CacheLine)
            {
                Sse.PrefetchNonTemporal((byte*)reading + Distance + line);
            }
        }
    }
}
