namespace Palmyra.Testing.Ptx.Translation;

/// <summary>The names between two braces; what is not found here is looked for outside.</summary>
internal sealed class Scope(Scope? parent)
{
    private readonly Dictionary<string, Symbol> _symbols = [];
    private readonly Dictionary<string, int> _labels = [];
    private readonly Dictionary<string, IReadOnlyList<string>> _branchTargets = [];

    public Scope? Parent { get; } = parent;

    /// <summary>Declares a name; false if this scope has it already.</summary>
    public bool Declare(string name, Symbol symbol) => _symbols.TryAdd(name, symbol);

    /// <summary>Says where a label stands; false if this scope has it already.</summary>
    public bool Mark(string name, int instruction) => _labels.TryAdd(name, instruction);

    /// <summary>Says what a list of branch targets holds.</summary>
    public void List(string name, IReadOnlyList<string> labels) => _branchTargets[name] = labels;

    public Symbol? Find(string name) => _symbols.GetValueOrDefault(name) ?? Parent?.Find(name);

    /// <summary>Where a label stands; null while it is not known.</summary>
    public int? FindLabel(string name) => _labels.TryGetValue(name, out int instruction) ? instruction : Parent?.FindLabel(name);

    public IReadOnlyList<string>? FindTargets(string name) => _branchTargets.GetValueOrDefault(name) ?? Parent?.FindTargets(name);
}
