using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>ret of a kernel, and exit.</summary>
internal sealed class Exit : Instruction
{
    public override void Execute(Warp warp, uint lanes) => warp.End(lanes);
}
