namespace Palmyra.Testing.Ptx.Execution;

/// <summary>A predicate as an operand.</summary>
/// <param name="Predicate">The register; negative for the constant "true".</param>
/// <param name="Negated">Whether its opposite is meant.</param>
internal sealed record Guard(int Predicate, bool Negated)
{
    /// <summary>The lanes of <paramref name="lanes"/> for which it holds.</summary>
    public uint Of(Warp warp, uint lanes)
    {
        if (Predicate < 0)
        {
            return Negated ? 0 : lanes;
        }

        uint value = warp.ReadPredicate(Predicate, lanes);
        return (Negated ? ~value : value) & lanes;
    }
}
