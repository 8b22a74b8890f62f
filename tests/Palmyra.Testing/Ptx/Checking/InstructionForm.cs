using System.Text.RegularExpressions;

namespace Palmyra.Testing.Ptx.Checking;

/// <summary>One line of an instruction's syntax in the PTX manual.</summary>
/// <remarks>
/// The opcode is written as there: <c>ld{.weak|volatile}.b32|u32</c> has an optional part and one that must be there. Types among the parts count
/// from 1. Operands are separated by commas:
/// <list type="bullet">
/// <item><c>1</c>, <c>u32</c>: a register or constant of the opcode's first type, of u32. <c>&gt;1</c>: of twice that size.</item>
/// <item><c>=1</c>: a register that is written; <c>=_1</c>: or "_"; <c>=1|p</c>: and perhaps a predicate too.</item>
/// <item><c>~1</c>: the register may be wider. <c>b32r</c>: no constant. <c>p</c>: a predicate. <c>!p</c>: perhaps negated.</item>
/// <item><c>4*f32</c>: four in braces. <c>v*1</c>: as many as .v2 or .v4 says. <c>x*b32</c>: as many as .x1, .x2 or .x4 says.</item>
/// <item><c>#0..15</c>, <c>#4|8</c>, <c>#</c>: a number in the text. <c>[]</c>, <c>[shared]</c>: an address in the opcode's space, in shared memory.</item>
/// <item><c>label</c>. A question mark at the end: it may be missing.</item>
/// </list>
/// </remarks>
internal sealed partial class InstructionForm
{
    private readonly List<(string[] Choices, bool Optional)> _parts = [];

    /// <summary>Reads a form.</summary>
    /// <param name="opcode">The opcode's syntax.</param>
    /// <param name="operands">The operands' rules.</param>
    /// <param name="version">The PTX version that brought it, times ten.</param>
    /// <param name="target">The compute capability it needs, times ten.</param>
    public InstructionForm(string opcode, string operands, int version = 10, int target = 0)
    {
        Syntax = $"{opcode} {operands}".TrimEnd();
        Version = version;
        Target = target;
        MatchCollection words = Words().Matches(opcode);
        Opcode = words[0].Value;
        foreach (Match word in words.Skip(1))
        {
            _parts.Add((word.Value.Trim('{', '}', '.').Split('|'), word.Value.StartsWith('{')));
        }

        Operands = [.. operands.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(OperandRule.Parse)];
    }

    /// <summary>"ld" of "ld.global.b32".</summary>
    public string Opcode { get; }

    /// <summary>As it is written here, for messages.</summary>
    public string Syntax { get; }

    /// <summary>The PTX version that brought it, times ten.</summary>
    public int Version { get; }

    /// <summary>The compute capability it needs, times ten.</summary>
    public int Target { get; }

    /// <summary>What the operands may be, in order.</summary>
    public IReadOnlyList<OperandRule> Operands { get; }

    /// <summary>Whether an opcode has this form: every part where it belongs, none that is not known.</summary>
    /// <param name="opcode">The parts between the dots, the name first.</param>
    public bool Matches(IReadOnlyList<string> opcode) => Matches(opcode, 1, 0);

    private bool Matches(IReadOnlyList<string> opcode, int at, int part)
    {
        if (part == _parts.Count)
        {
            return at == opcode.Count;
        }

        (string[] choices, bool optional) = _parts[part];
        return (at < opcode.Count && choices.Contains(opcode[at]) && Matches(opcode, at + 1, part + 1)) || (optional && Matches(opcode, at, part + 1));
    }

    [GeneratedRegex(@"^\w+|\{\.[^}]+\}|\.[\w:|]+")]
    private static partial Regex Words();
}
