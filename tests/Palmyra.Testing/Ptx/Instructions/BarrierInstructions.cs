using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Translates bar and barrier.</summary>
internal static class BarrierInstructions
{
    public static Instruction Translate(Decoder d)
    {
        d.Allow("sync", "red", "aligned", "cta", "warp", "popc", "and", "or");
        if (d.Has("warp"))
        {
            return WarpOperations.Barrier(d);
        }

        if (!d.Has("red"))
        {
            d.Expect(1, 2);
            return new BlockBarrier(Number(d, 0), d.Operands.Count > 1 ? d.Constant(1) : null, BarrierReduction.None, -1, null);
        }

        BarrierReduction reduction = d.Has("popc") ? BarrierReduction.Count : d.Has("and") ? BarrierReduction.And : BarrierReduction.Or;
        d.Expect(3, 4);
        return new BlockBarrier(
            Number(d, 1),
            d.Operands.Count > 3 ? d.Constant(2) : null,
            reduction,
            reduction == BarrierReduction.Count ? d.Target(0, 4) : d.Predicate(d.Operand(0)),
            d.Condition(d.Operands[^1]));
    }

    private static int Number(Decoder d, int index)
    {
        int number = d.Constant(index);
        return number is >= 0 and < 16 ? number : throw d.Failure("a block has barriers 0 to 15");
    }
}
