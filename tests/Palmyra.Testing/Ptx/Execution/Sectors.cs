using System.Numerics;
using System.Runtime.CompilerServices;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>Global memory moves in sectors of 32 bytes: the fewer a warp's access touches, the better it is coalesced.</summary>
internal static class Sectors
{
    /// <summary>Different sectors that the lanes touch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static int Count(ReadOnlySpan<ulong> addresses, uint lanes, int bytes)
    {
        Span<ulong> seen = stackalloc ulong[64];
        int count = 0;
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            ulong address = addresses[BitOperations.TrailingZeroCount(rest)];
            for (ulong sector = address / 32; sector <= (address + (ulong)bytes - 1) / 32; sector++)
            {
                // Neighbouring lanes mostly share the latest sector.
                if (count == 0 || (seen[count - 1] != sector && !seen[..count].Contains(sector)))
                {
                    seen[count++] = sector;
                }
            }
        }

        return count;
    }
}
