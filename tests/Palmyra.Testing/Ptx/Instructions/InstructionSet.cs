using System.Numerics;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Finds the family of an instruction.</summary>
internal static class InstructionSet
{
    public static Instruction Translate(Decoder d)
    {
        switch (d.Opcode)
        {
            case "mov":
                return Moves.Move(d);
            case "cvta":
                return Moves.ConvertAddress(d);
            case "cvt":
                return Conversions.Translate(d);
            case "ld" or "st":
                return MemoryAccess.Translate(d);
            case "atom" or "red":
                return Atomics.Translate(d);
            case "setp" or "selp" or "slct" or "testp":
                return Comparisons.Translate(d);
            case "shfl" or "vote" or "match" or "redux" or "activemask":
                return WarpOperations.Translate(d);
            case "bar" or "barrier":
                return BarrierInstructions.Translate(d);
            case "ldmatrix" or "stmatrix" or "mma":
                return TensorCores.Translate(d);
            case "cp":
                return AsyncInstructions.Translate(d);
            case "ret" or "exit":
                return new Exit();
            case "trap" or "brkpt":
                return new Trap();
            case "membar" or "fence" or "nanosleep" or "prefetch" or "prefetchu":
                // Blocks run one after the other and warps to their barriers, so memory is always in order and caches are not seen.
                return new Nothing();
            case "createpolicy":
                {
                    // A hint for caches that are not there.
                    int nothing = d.Source(Operand.OfNumber(0), new PtxType(ValueKind.Bits, 8));
                    return Lanewise.Unary(typeof(Copy<ulong>), typeof(ulong), typeof(ulong), d.Target(0, 8), nothing);
                }

            default:
                if (d.Types == 0)
                {
                    throw d.Failure($"{d.Opcode} is not known here");
                }

                return Arithmetic.Translate(d);
        }
    }

    private sealed class Nothing : Instruction
    {
        public override void Execute(Warp warp, uint lanes)
        {
        }
    }

    private sealed class Trap : Instruction
    {
        public override void Execute(Warp warp, uint lanes) =>
            throw warp.Fault(BitOperations.TrailingZeroCount(lanes), "the kernel stops itself");
    }
}
