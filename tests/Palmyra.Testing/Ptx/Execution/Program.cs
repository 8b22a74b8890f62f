namespace Palmyra.Testing.Ptx.Execution;

/// <summary>A translated kernel.</summary>
internal sealed record Program
{
    /// <summary>The kernel's name in failures and statistics.</summary>
    public required string Name { get; init; }

    /// <summary>Its instructions; the last one ends the thread.</summary>
    public required Instruction[] Code { get; init; }

    /// <summary>Bytes of a warp's registers, constants included.</summary>
    public required int RegisterBytes { get; init; }

    /// <summary>Predicate registers.</summary>
    public required int Predicates { get; init; }

    /// <summary>Rows of registers that hold one number in every lane.</summary>
    public required IReadOnlyList<(int Row, int Bytes, ulong Value)> Constants { get; init; }

    /// <summary>Rows of registers that hold a special register.</summary>
    public required IReadOnlyList<(int Row, Func<Warp, int, uint> Value)> Specials { get; init; }

    /// <summary>Names of registers by their row, for failures.</summary>
    public required IReadOnlyDictionary<int, string> RegisterNames { get; init; }

    /// <summary>Names of predicates.</summary>
    public required IReadOnlyList<string> PredicateNames { get; init; }

    /// <summary>Bytes of shared memory before the dynamic part.</summary>
    public required int SharedBytes { get; init; }

    /// <summary>Bytes of local memory of a thread.</summary>
    public required int LocalBytes { get; init; }

    /// <summary>Bytes of the parameters.</summary>
    public required int ParameterBytes { get; init; }

    /// <summary>Threads a block may have.</summary>
    public required int MaxThreads { get; init; }
}
