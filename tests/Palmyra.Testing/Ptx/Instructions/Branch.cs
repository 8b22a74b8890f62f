using System.Numerics;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>bra, and a function's ret.</summary>
internal sealed class Branch : Instruction
{
    /// <summary>Where it goes.</summary>
    public int Target { get; set; }

    /// <summary>Where lanes that part here meet again.</summary>
    public int Meeting { get; set; }

    /// <summary>Whether it is marked .uni: a promise that all lanes that come here go the same way, which the assembler may build on.</summary>
    public bool Uniform { get; init; }

    public override void Execute(Warp warp, uint lanes)
    {
        if (Uniform && lanes != warp.Active)
        {
            throw warp.Fault(
                BitOperations.TrailingZeroCount(lanes), $"lanes 0x{lanes:x8} of 0x{warp.Active:x8} branch, but .uni promises that all or none do");
        }

        warp.Branch(lanes, Target, Meeting);
    }
}
