using System.Numerics;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>brx.idx: each lane goes to the target its index chooses.</summary>
internal sealed class IndexedBranch(int index) : Instruction
{
    /// <summary>Where it may go.</summary>
    public int[] Targets { get; set; } = [];

    /// <summary>Where lanes that part here meet again.</summary>
    public int Meeting { get; set; }

    public override void Execute(Warp warp, uint lanes)
    {
        ReadOnlySpan<uint> indices = warp.Read<uint>(index, lanes);
        Span<int> targets = stackalloc int[32];
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            targets[lane] = indices[lane] < Targets.Length
                ? Targets[indices[lane]]
                : throw warp.Fault(lane, $"index {indices[lane]} is not below the {Targets.Length} targets");
        }

        warp.Branch(lanes, targets, Meeting);
    }
}
