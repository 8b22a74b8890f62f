namespace Palmyra.Testing.Ptx.Execution;

/// <summary>What a barrier tells all threads about the predicates they bring.</summary>
internal enum BarrierReduction
{
    None,
    Count,
    And,
    Or,
}
