using System.Numerics;
using System.Runtime.CompilerServices;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// Shared memory has 32 banks of four bytes. One pass serves one word of every bank to any number of lanes, so a request takes as many passes
/// as the fullest bank has different words. Wide accesses are requests of half a warp (8 bytes) or a quarter (16 bytes) each, as CUDA's
/// programming guide and profiler count them.
/// </summary>
internal static class Banks
{
    /// <summary>Passes beyond the one that each request needs anyway: 0 in a kernel without conflicts.</summary>
    /// <param name="addresses">Each lane's address.</param>
    /// <param name="lanes">The lanes that access.</param>
    /// <param name="bytes">Bytes a lane accesses, 1 to 16.</param>
    public static int Conflicts(ReadOnlySpan<ulong> addresses, uint lanes, int bytes)
    {
        int lanesTogether = bytes <= 4 ? 32 : bytes <= 8 ? 16 : 8;
        int conflicts = 0;
        for (int first = 0; first < 32; first += lanesTogether)
        {
            uint together = lanes & (uint)(((1UL << lanesTogether) - 1) << first);
            if (together != 0)
            {
                conflicts += Passes(addresses, together, bytes) - 1;
            }
        }

        return conflicts;
    }

    // Mostly no bank is asked for two words: one look at each lane says so.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static int Passes(ReadOnlySpan<ulong> addresses, uint lanes, int bytes)
    {
        Span<ulong> words = stackalloc ulong[32];
        uint used = 0;
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            ulong address = addresses[BitOperations.TrailingZeroCount(rest)];
            for (ulong word = address / 4; word <= (address + (ulong)bytes - 1) / 4; word++)
            {
                int bank = (int)(word % 32);
                if ((used >> bank & 1) == 0)
                {
                    used |= 1u << bank;
                    words[bank] = word;
                }
                else if (words[bank] != word)
                {
                    return Count(addresses, lanes, bytes);
                }
            }
        }

        return 1;
    }

    private static int Count(ReadOnlySpan<ulong> addresses, uint lanes, int bytes)
    {
        var words = new HashSet<ulong>();
        Span<int> counts = stackalloc int[32];
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            ulong address = addresses[BitOperations.TrailingZeroCount(rest)];
            for (ulong word = address / 4; word <= (address + (ulong)bytes - 1) / 4; word++)
            {
                counts[(int)(word % 32)] += words.Add(word) ? 1 : 0;
            }
        }

        int most = 0;
        foreach (int count in counts)
        {
            most = Math.Max(most, count);
        }

        return most;
    }
}
