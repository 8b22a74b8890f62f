using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>bra, and a function's ret.</summary>
internal sealed class Branch : Instruction
{
    /// <summary>Where it goes.</summary>
    public int Target { get; set; }

    /// <summary>Where lanes that part here meet again.</summary>
    public int Meeting { get; set; }

    public override void Execute(Warp warp, uint lanes) => warp.Branch(lanes, Target, Meeting);
}
