namespace Palmyra.Testing.Ptx.Syntax;

/// <summary>How an instruction understands the bits of a register (PTX manual, "Fundamental Types").</summary>
internal enum ValueKind
{
    Predicate,
    Bits,
    Unsigned,
    Signed,
    Float,

    /// <summary>A 16-bit float with eight exponent bits.</summary>
    Brain,
}
