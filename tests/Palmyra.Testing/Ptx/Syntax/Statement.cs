namespace Palmyra.Testing.Ptx.Syntax;

/// <summary>What stands in a function's body, in order.</summary>
/// <param name="Line">Line of the text, from 1.</param>
/// <param name="Text">As written, with single spaces.</param>
internal abstract record Statement(int Line, string Text);

/// <summary>"{" or "}": names declared between live only there.</summary>
internal sealed record Brace(int Line, bool Opens) : Statement(Line, Opens ? "{" : "}");

/// <summary>A place to branch to.</summary>
internal sealed record Label(int Line, string Name) : Statement(Line, Name + ":");

/// <summary>.reg: <paramref name="Count"/> registers Name0, Name1, ..., or just Name where it is null.</summary>
internal sealed record RegisterDeclaration(int Line, string Text, PtxType Type, string Name, int? Count) : Statement(Line, Text);

/// <summary>A .shared, .local or .param variable.</summary>
/// <param name="Line">Line of the text.</param>
/// <param name="Text">As written.</param>
/// <param name="Space">"shared", "local" or "param".</param>
/// <param name="Type">Its elements' type.</param>
/// <param name="Name">Its name.</param>
/// <param name="Alignment">Its address is a multiple of this.</param>
/// <param name="Bytes">Its size; 0 for the dynamic end of shared memory.</param>
internal sealed record VariableDeclaration(
    int Line, string Text, string Space, PtxType Type, string Name, int Alignment, int Bytes) : Statement(Line, Text);

/// <summary>.branchtargets: what an indexed branch chooses from. Its label stands before it.</summary>
internal sealed record BranchTargets(int Line, string Text, IReadOnlyList<string> Labels) : Statement(Line, Text);

/// <summary>An instruction.</summary>
/// <param name="Line">Line of the text.</param>
/// <param name="Text">As written.</param>
/// <param name="Guard">The predicate after '@', or null.</param>
/// <param name="Opcode">The parts between the dots: ["ld", "global", "v4", "f32"].</param>
/// <param name="Operands">Its operands.</param>
internal sealed record InstructionStatement(
    int Line, string Text, Operand? Guard, IReadOnlyList<string> Opcode, IReadOnlyList<Operand> Operands) : Statement(Line, Text);
