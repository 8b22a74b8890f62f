namespace Palmyra.Tokenization;

/// <summary>Byte-pair merging in n log n steps, for pieces so long that the library's quadratic merging would hang.</summary>
/// <remarks>
/// Symbols form a linked list over the piece. A heap holds every neighbouring pair that has a merge, lowest rank first and leftmost first among equals; a
/// popped pair that one of its symbols has outgrown is dropped. This is the order of Sennrich et al. (2016) as GPT-2 applies it.
/// </remarks>
internal sealed class LongPieceMerger
{
    private readonly Vocabulary _vocabulary;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Product)> _merges;

    public LongPieceMerger(Vocabulary vocabulary, IReadOnlyList<string> merges)
    {
        _vocabulary = vocabulary;
        _merges = new Dictionary<(int, int), (int, int)>(merges.Count);
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var merge = merges[rank];
            var space = merge.IndexOf(' ', StringComparison.Ordinal);
            _merges.Add((IdOf(merge[..space]), IdOf(merge[(space + 1)..])), (rank, IdOf(merge.Remove(space, 1))));
        }
    }

    /// <summary>The ids of a spelled piece, each of whose characters must be a token.</summary>
    public IReadOnlyList<int> Merge(ReadOnlySpan<char> spelled)
    {
        var symbols = new Symbol[spelled.Length];
        var pending = new PriorityQueue<Candidate, long>(spelled.Length);
        for (var i = 0; i < symbols.Length; i++)
        {
            symbols[i] = new Symbol(IdOf(spelled[i].ToString()), i - 1, i + 1 < symbols.Length ? i + 1 : -1);
        }
        for (var i = 0; i + 1 < symbols.Length; i++)
        {
            Consider(symbols, i, pending);
        }
        while (pending.TryDequeue(out var candidate, out _))
        {
            ref var left = ref symbols[candidate.Left];
            if (left.Id != candidate.LeftId || left.Next < 0 || symbols[left.Next].Id != candidate.RightId)
            {
                continue;
            }
            ref var right = ref symbols[left.Next];
            left.Id = candidate.Product;
            left.Next = right.Next;
            right.Id = -1;
            if (left.Next >= 0)
            {
                symbols[left.Next].Previous = candidate.Left;
                Consider(symbols, candidate.Left, pending);
            }
            if (left.Previous >= 0)
            {
                Consider(symbols, left.Previous, pending);
            }
        }
        var ids = new List<int>();
        for (var i = 0; i >= 0; i = symbols[i].Next)
        {
            ids.Add(symbols[i].Id);
        }
        return ids;
    }

    private void Consider(Symbol[] symbols, int left, PriorityQueue<Candidate, long> pending)
    {
        var pair = (symbols[left].Id, symbols[symbols[left].Next].Id);
        if (_merges.TryGetValue(pair, out var merge))
        {
            pending.Enqueue(new Candidate(left, pair.Item1, pair.Item2, merge.Product), ((long)merge.Rank << 32) | (uint)left);
        }
    }

    private int IdOf(string token) => _vocabulary.TryGetId(token, out var id) ? id : throw new KeyNotFoundException(token);

    private record struct Symbol(int Id, int Previous, int Next);

    private readonly record struct Candidate(int Left, int LeftId, int RightId, int Product);
}
