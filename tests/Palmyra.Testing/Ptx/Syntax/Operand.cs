namespace Palmyra.Testing.Ptx.Syntax;

/// <summary>One operand as written.</summary>
/// <param name="Kind">Its form.</param>
/// <param name="Name">The name, or an address's base; empty where there is none.</param>
/// <param name="Value">The number, or an address's offset.</param>
/// <param name="Parts">What a list or a pair consists of.</param>
/// <param name="Negated">Whether a '!' stands before it.</param>
/// <param name="FloatBits">32 for a number written as 0f..., 64 for 0d...; 0 for integers.</param>
internal sealed record Operand(OperandKind Kind, string Name, long Value, IReadOnlyList<Operand> Parts, bool Negated = false, int FloatBits = 0)
{
    public static Operand OfName(string name, bool negated = false) => new(OperandKind.Name, name, 0, [], negated);

    public static Operand OfNumber(long value) => new(OperandKind.Number, string.Empty, value, []);

    /// <summary>What a number's first two characters say: see <see cref="FloatBits"/>.</summary>
    public static int FloatBitsOf(string number) => number switch
    {
        ['0', 'f' or 'F', ..] => 32,
        ['0', 'd' or 'D', ..] => 64,
        _ => 0,
    };
}
