using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Translation;

/// <summary>An address operand.</summary>
/// <param name="Row">The register it starts from; negative if it is a constant.</param>
/// <param name="Bytes">That register's size: 4 or 8.</param>
/// <param name="Offset">What is added.</param>
/// <param name="Variable">The space of the variable it names, if it names one.</param>
internal sealed record Address(int Row, int Bytes, long Offset, Space? Variable)
{
    /// <summary>Computes the lanes' addresses.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Of(Warp warp, uint lanes, Span<ulong> addresses)
    {
        if (Row < 0)
        {
            addresses.Fill((ulong)Offset);
        }
        else if (Bytes == 8)
        {
            ReadOnlySpan<ulong> start = warp.Read<ulong>(Row, lanes);
            for (int lane = 0; lane < 32; lane++)
            {
                addresses[lane] = start[lane] + (ulong)Offset;
            }
        }
        else
        {
            // Addresses of 32 bits wrap around as such.
            ReadOnlySpan<uint> start = warp.Read<uint>(Row, lanes);
            for (int lane = 0; lane < 32; lane++)
            {
                addresses[lane] = start[lane] + (uint)Offset;
            }
        }
    }
}
