using System.Numerics;
using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>
/// shfl.sync: each lane takes another's number. Operand c holds the last lane in its lower five bits and, from bit 8, the bits of the lane
/// number that stay the lane's own: they cut the warp into segments. A lane whose partner lies outside takes its own number (PTX manual,
/// "shfl.sync", whose pseudocode this follows).
/// </summary>
internal sealed class Shuffle(string mode, int target, int predicate, int a, int b, int c, int mask) : Instruction
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint lanes)
    {
        WarpOperations.Meet(warp, lanes, mask, fence: false);
        ReadOnlySpan<uint> source = warp.Read<uint>(a, lanes);
        ReadOnlySpan<uint> distances = warp.Read<uint>(b, lanes);
        ReadOnlySpan<uint> clamps = warp.Read<uint>(c, lanes);
        Span<uint> values = stackalloc uint[32];
        source.CopyTo(values);
        uint inside = 0;
        Span<uint> result = warp.Write<uint>(target, lanes);
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            int distance = (int)distances[lane] & 31;
            int clamp = (int)clamps[lane] & 31;
            int segment = (int)clamps[lane] >> 8 & 31;
            int first = lane & segment;
            int last = first | (clamp & ~segment);
            int partner = mode switch
            {
                "up" => lane - distance,
                "down" => lane + distance,
                "bfly" => lane ^ distance,
                _ => first | (distance & ~segment),
            };
            bool valid = mode == "up" ? partner >= last : partner <= last;
            partner = valid ? partner : lane;
            inside |= valid ? 1u << lane : 0;
            result[lane] = (lanes >> partner & 1) != 0
                ? values[partner]
                : throw warp.Fault(lane, $"takes the number of lane {partner}, which does not take part");
        }

        if (predicate >= 0)
        {
            warp.WritePredicate(predicate, lanes, inside);
        }
    }
}
