namespace Palmyra.Testing.Ptx.Checking;

/// <summary>What an operand may be.</summary>
internal enum OperandRuleKind
{
    /// <summary>A register or a constant, or several in braces.</summary>
    Value,

    /// <summary>A number in the text.</summary>
    Immediate,

    /// <summary>An address in brackets.</summary>
    Address,

    /// <summary>A place to branch to, or a list of places.</summary>
    Label,
}
