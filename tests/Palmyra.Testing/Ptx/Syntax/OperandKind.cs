namespace Palmyra.Testing.Ptx.Syntax;

/// <summary>The forms an operand is written in.</summary>
internal enum OperandKind
{
    /// <summary>A register, special register, variable, label or function.</summary>
    Name,

    /// <summary>A number; floats as their bits.</summary>
    Number,

    /// <summary>1.5: the bits of a double, which take the operand's own type.</summary>
    Decimal,

    /// <summary>[name+offset] or [number].</summary>
    Address,

    /// <summary>{a, b} or the (a, b) of a call.</summary>
    List,

    /// <summary>a|b: two results.</summary>
    Pair,
}
