using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Testing.Ptx.Checking;

/// <summary>
/// Which registers an operand of a type may name (PTX manual 9.4, "Type Information for Instructions and Operands", tables 26 to 28; 5.2.3 for
/// the floats that are declared as bits). Types go by their names, since tf32 and f32 differ here and not to the interpreter.
/// </summary>
internal static class OperandTypes
{
    /// <summary>32 bits that are no float: some instructions refuse float registers for bits.</summary>
    public const string Whole = "i32";

    /// <summary>Whether a name is that of a type.</summary>
    public static bool IsType(string name) => name == Whole || PtxType.TryParse(name, out _);

    /// <summary>Bytes of a type; 0 of predicates.</summary>
    public static int Bytes(string type) => type == Whole ? 4 : PtxType.TryParse(type, out PtxType known) ? known.Bytes : 0;

    /// <summary>Whether it is written as an integer constant.</summary>
    public static bool TakesIntegers(string type) => type == Whole || type[0] is 'b' or 'u' or 's' && !IsBrain(type);

    /// <summary>Whether it is written as a floating-point constant of <paramref name="bits"/>; bits of the size are too.</summary>
    public static bool TakesFloats(string type, int bits) => type switch
    {
        "f32" or "b32" => bits == 32,
        "f64" or "b64" => bits == 64,
        _ => false,
    };

    /// <summary>The type of twice the size.</summary>
    public static string Twice(string type) => type switch
    {
        "u16" => "u32",
        "s16" => "s32",
        "u32" => "u64",
        "s32" => "s64",
        _ => throw new ArgumentException($"{type} has no type of twice its size.", nameof(type)),
    };

    /// <summary>Whether a register may stand for an operand.</summary>
    /// <param name="type">The operand's type.</param>
    /// <param name="register">The register's.</param>
    /// <param name="wider">Whether it may be wider, as for ld, st and cvt.</param>
    public static bool Agree(string type, PtxType register, bool wider)
    {
        if (type == "pred" || register.Kind == ValueKind.Predicate)
        {
            return type == "pred" && register.Kind == ValueKind.Predicate;
        }

        int bytes = Bytes(type);
        bool same = register.Bytes == bytes;
        bool large = same || (wider && register.Bytes > bytes);
        bool bits = register.Kind == ValueKind.Bits;
        bool whole = bits || register.Kind is ValueKind.Unsigned or ValueKind.Signed;
        return type switch
        {
            Whole => whole && same,
            "f16" or "f32" or "f64" => (bits && large) || (same && register is { Kind: ValueKind.Float, Packed: false }),
            "f16x2" => same && (bits || register is { Kind: ValueKind.Float, Packed: true }),

            // PTX manual 5.2.3: declared as bits, and no wider register for them in cvt.
            "bf16" or "bf16x2" or "tf32" => bits && same,
            _ when type[0] == 'b' => large,
            _ => whole && large,
        };
    }

    private static bool IsBrain(string type) => type.StartsWith("bf", StringComparison.Ordinal);
}
