namespace Palmyra.Testing.Ptx.Checking;

/// <summary>PTX manual 9.7.1, 9.7.7 and the integer lines of 9.7.5: integers, logic, shifts.</summary>
internal static class IntegerForms
{
    private const string Integers = "u16|u32|u64|s16|s32|s64";

    public static IEnumerable<InstructionForm> All =>
    [
        new($"add.{Integers}", "=1, 1, 1"),
        new("add.sat.s32", "=1, 1, 1"),
        new($"sub.{Integers}", "=1, 1, 1"),
        new("sub.sat.s32", "=1, 1, 1"),
        new("add.cc.u32|s32|u64|s64", "=1, 1, 1", 12),
        new("addc{.cc}.u32|s32|u64|s64", "=1, 1, 1", 12),
        new("sub.cc.u32|s32|u64|s64", "=1, 1, 1", 12),
        new("subc{.cc}.u32|s32|u64|s64", "=1, 1, 1", 12),
        new($"mul.hi|lo.{Integers}", "=1, 1, 1"),
        new("mul.wide.u16|u32|s16|s32", "=>1, 1, 1"),
        new($"mad.hi|lo.{Integers}", "=1, 1, 1, 1"),
        new("mad.hi.sat.s32", "=1, 1, 1, 1"),
        new("mad.wide.u16|u32|s16|s32", "=>1, 1, 1, >1"),
        new("mul24.hi|lo.u32|s32", "=1, 1, 1"),
        new("mad24.hi|lo.u32|s32", "=1, 1, 1, 1"),
        new($"sad.{Integers}", "=1, 1, 1, 1"),
        new($"div.{Integers}", "=1, 1, 1"),
        new($"rem.{Integers}", "=1, 1, 1"),
        new("abs.s16|s32|s64", "=1, 1"),
        new("neg.s16|s32|s64", "=1, 1"),
        new($"min.{Integers}", "=1, 1, 1"),
        new($"max.{Integers}", "=1, 1, 1"),
        new("popc.b32|b64", "=u32, 1", 20, 20),
        new("clz.b32|b64", "=u32, 1", 20, 20),
        new("bfind{.shiftamt}.u32|u64|s32|s64", "=u32, 1", 20, 20),
        new("fns.b32", "=b32, b32, b32, s32", 60, 30),
        new("brev.b32|b64", "=1, 1", 20, 20),
        new("bfe.u32|u64|s32|s64", "=1, 1, u32, u32", 20, 20),
        new("bfi.b32|b64", "=1, 1, 1, u32, u32", 20, 20),
        new("szext.clamp|wrap.u32|s32", "=1, 1, u32", 76, 70),
        new("bmsk.clamp|wrap.b32", $"={OperandTypes.Whole}, {OperandTypes.Whole}, {OperandTypes.Whole}", 76, 70),
        new("dp4a.u32|s32.u32|s32", "=s32, b32, b32, s32", 50, 61),
        new("dp2a.lo|hi.u32|s32.u32|s32", "=s32, b32, b32, s32", 50, 61),

        new("and.b16|b32|b64|pred", "=1, 1, 1"),
        new("or.b16|b32|b64|pred", "=1, 1, 1"),
        new("xor.b16|b32|b64|pred", "=1, 1, 1"),
        new("not.b16|b32|b64|pred", "=1, 1"),
        new("cnot.b16|b32|b64", "=1, 1"),
        new("lop3.b32", "=1, 1, 1, 1, #0..255", 43, 50),
        new("shf.l|r.clamp|wrap.b32", "=1, 1, 1, u32", 31, 32),
        new("shl.b16|b32|b64", "=1, 1, u32"),
        new($"shr.b16|b32|b64|{Integers}", "=1, 1, u32"),
        new("prmt.b32{.f4e|b4e|rc8|ecl|ecr|rc16}", "=1, 1, 1, 1", 20, 20),

        .. Compared(string.Empty, string.Empty),
        .. Compared(".and|or|xor", ", !p"),
        new($"selp.b16|b32|b64|{Integers}|f32|f64", "=1, 1, 1, p"),
        new($"slct.b16|b32|b64|{Integers}|f32|f64.s32", "=1, 1, 1, s32"),
        new($"slct{{.ftz}}.b16|b32|b64|{Integers}|f32|f64.f32", "=1, 1, 1, f32"),
    ];

    // lt, le, gt and ge of unsigned numbers are lo, ls, hi and hs.
    private static IEnumerable<InstructionForm> Compared(string with, string predicate) =>
    [
        new($"setp.eq|ne{with}.b16|b32|b64", $"=_p|p, 1, 1{predicate}"),
        new($"setp.eq|ne|lt|le|gt|ge{with}.s16|s32|s64", $"=_p|p, 1, 1{predicate}"),
        new($"setp.eq|ne|lt|le|gt|ge|lo|ls|hi|hs{with}.u16|u32|u64", $"=_p|p, 1, 1{predicate}"),
    ];
}
