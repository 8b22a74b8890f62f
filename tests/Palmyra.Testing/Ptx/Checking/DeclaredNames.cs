using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Testing.Ptx.Checking;

/// <summary>The registers and variables between two braces; what is not found here is looked for outside.</summary>
internal sealed class DeclaredNames(DeclaredNames? parent)
{
    private readonly Dictionary<string, PtxType> _registers = [];
    private readonly Dictionary<string, VariableDeclaration> _variables = [];

    public DeclaredNames? Parent { get; } = parent;

    public void Declare(string name, PtxType register) => _registers[name] = register;

    public void Declare(VariableDeclaration variable) => _variables[variable.Name] = variable;

    /// <summary>A register's type; null if no register of that name is declared, or a variable hides it.</summary>
    public PtxType? Register(string name) => _registers.TryGetValue(name, out PtxType type) ? type
        : _variables.ContainsKey(name) ? null
        : Parent?.Register(name);

    /// <summary>A variable; null if none of that name is declared, or a register hides it.</summary>
    public VariableDeclaration? Variable(string name) => _variables.TryGetValue(name, out VariableDeclaration? variable) ? variable
        : _registers.ContainsKey(name) ? null
        : Parent?.Variable(name);
}
