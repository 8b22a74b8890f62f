using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>How kernels that are bound by memory ask for weights ahead of their reading.</summary>
/// <remarks>
/// The distance hides the memory's latency and stays inside the nearest cache; asking evenly, a line or two at a time, is worth a tenth over
/// asking for a whole group at once. Non-temporally: a weight is wanted once a step, and lines that
/// need not pass the other caches on their way out come faster; weights that do fit a cache were measured to stay there all the same.
/// </remarks>
internal static unsafe class WeightPrefetch
{
    /// <summary>Bytes ahead; 4,096 and 8,192 were each measured some per cent slower.</summary>
    public const int Distance = 6144;

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
