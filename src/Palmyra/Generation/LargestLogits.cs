using Palmyra.Backends;

namespace Palmyra.Generation;

/// <summary>A row of <see cref="IBackend.Top"/>: the largest logits after a token, falling, equal ones in the order of ids.</summary>
/// <param name="row">3K numbers.</param>
internal readonly ref struct LargestLogits(ReadOnlySpan<float> row)
{
    private readonly ReadOnlySpan<float> _row = row;

    /// <summary>K.</summary>
    public int Count => _row.Length / 3;

    /// <summary>The logits.</summary>
    public ReadOnlySpan<float> Values => _row[..Count];

    /// <summary>The token of a logit.</summary>
    public int Id(int rank) => (int)_row[Count + rank];

    /// <summary>The token of a logit and its log-probability.</summary>
    public TokenProbability this[int rank] => new(Id(rank), _row[(2 * Count) + rank]);
}
