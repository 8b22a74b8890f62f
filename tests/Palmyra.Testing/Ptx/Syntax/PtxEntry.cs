namespace Palmyra.Testing.Ptx.Syntax;

/// <summary>A kernel, or a function that kernels call.</summary>
/// <param name="Name">Its name in the text.</param>
/// <param name="Parameters">What it takes, in order.</param>
/// <param name="Results">What a function gives back; empty for kernels.</param>
/// <param name="Body">Its statements.</param>
/// <param name="MaxThreads">The product of .maxntid; 1024 where it says nothing.</param>
internal sealed record PtxEntry(
    string Name,
    IReadOnlyList<VariableDeclaration> Parameters,
    IReadOnlyList<VariableDeclaration> Results,
    IReadOnlyList<Statement> Body,
    int MaxThreads);
