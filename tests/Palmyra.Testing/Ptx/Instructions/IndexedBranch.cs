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

    /// <summary>Whether it is marked .uni: a promise that all lanes that come here go the same way, which the assembler may build on.</summary>
    public bool Uniform { get; init; }

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

        int first = BitOperations.TrailingZeroCount(lanes);
        for (uint rest = Uniform ? warp.Active : 0; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            if ((lanes >> lane & 1) == 0 || targets[lane] != targets[first])
            {
                throw warp.Fault(lane, $"goes another way than thread {first} of the warp, but .uni promises that all go the same");
            }
        }

        warp.Branch(lanes, targets, Meeting);
    }
}
