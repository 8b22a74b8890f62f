using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>and, or, xor, not and mov of predicates: 32 lanes at once.</summary>
internal sealed class PredicateLogic(int target, Guard a, Guard b, Func<uint, uint, uint> function) : Instruction
{
    public static Instruction Translate(Decoder d)
    {
        d.Allow();
        int target = d.Predicate(d.Operand(0));
        Guard a = d.Condition(d.Operand(1));
        return d.Opcode switch
        {
            "mov" => new PredicateLogic(target, a, a, (x, _) => x),
            "not" => new PredicateLogic(target, a, a, (x, _) => ~x),
            "and" => new PredicateLogic(target, a, d.Condition(d.Operand(2)), (x, y) => x & y),
            "or" => new PredicateLogic(target, a, d.Condition(d.Operand(2)), (x, y) => x | y),
            "xor" => new PredicateLogic(target, a, d.Condition(d.Operand(2)), (x, y) => x ^ y),
            _ => throw d.Failure($"{d.Opcode} of predicates is not known here"),
        };
    }

    public override void Execute(Warp warp, uint lanes) => warp.WritePredicate(target, lanes, function(a.Of(warp, lanes), b.Of(warp, lanes)));
}
