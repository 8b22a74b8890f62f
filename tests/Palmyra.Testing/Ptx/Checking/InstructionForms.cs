namespace Palmyra.Testing.Ptx.Checking;

/// <summary>All forms by the instruction's name.</summary>
internal static class InstructionForms
{
    // Those that have rules of their own, and what the manual reserves besides (table 2).
    private static readonly HashSet<string> Others =
        ["mov", "call", "abs", "discard", "set", "suld", "sust", "tex", "tld4", "txq", "vadd", "vset", "vsub", "wmma", "wgmma", "mbarrier", "pmevent", "alloca"];

    private static readonly ILookup<string, InstructionForm> ByName =
        IntegerForms.All.Concat(FloatForms.All).Concat(MovementForms.All).Concat(TogetherForms.All).ToLookup(form => form.Opcode);

    /// <summary>The forms of an instruction; empty where none is known.</summary>
    public static IEnumerable<InstructionForm> Of(string name) => ByName[name];

    /// <summary>Whether a name is an instruction's, so that nothing else may have it.</summary>
    public static bool IsReserved(string name) => ByName.Contains(name) || Others.Contains(name);
}
