namespace Palmyra.Backends;

/// <summary>
/// The ragged batch, the only kind there is: rows of several sequences, each with its own number of new tokens and of tokens already cached.
/// </summary>
/// <remarks>
/// Prefill, chunked prefill, decoding, a mix of these, beam search, scoring and training are all this one shape.
/// The object is reused from step to step (<see cref="Clear"/>, then <c>Add</c>) and then allocates nothing.
/// </remarks>
public sealed class Batch
{
    private int[] _tokens = new int[16];
    private int[] _positions = new int[16];
    private int[] _pages = new int[16];
    private BatchSequence[] _sequences = new BatchSequence[4];
    private int _rows;
    private int _pageCount;
    private int _sequenceCount;

    /// <summary>The number of rows: new tokens of all sequences together.</summary>
    public int Rows => _rows;

    /// <summary>The token id of each row.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _rows);

    /// <summary>The position of each row: what position embeddings and rotation use.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, _rows);

    /// <summary>The sequences, in the order of their rows.</summary>
    public ReadOnlySpan<BatchSequence> Sequences => _sequences.AsSpan(0, _sequenceCount);

    /// <summary>The page list of a sequence: token t of it lies in page <c>[t / PageSize]</c>, slot <c>t % PageSize</c>. Empty without a cache.</summary>
    public ReadOnlySpan<int> PagesOf(in BatchSequence sequence) => _pages.AsSpan(sequence.FirstPage, sequence.PageCount);

    /// <summary>Forgets all rows; keeps the memory.</summary>
    public void Clear()
    {
        _rows = 0;
        _pageCount = 0;
        _sequenceCount = 0;
    }

    /// <summary>Adds the next tokens of a sequence whose positions continue its cached tokens.</summary>
    /// <param name="tokens">The new tokens, at least one.</param>
    /// <param name="past">How many tokens of the sequence the cache holds already; 0 without a cache.</param>
    /// <param name="pages">The sequence's pages, enough for <paramref name="past"/> and the new tokens; empty without a cache.</param>
    public void Add(ReadOnlySpan<int> tokens, int past, ReadOnlySpan<int> pages) => Add(tokens, past, pages, past);

    /// <summary>Adds the next tokens of a sequence.</summary>
    /// <param name="tokens">The new tokens, at least one.</param>
    /// <param name="past">How many tokens of the sequence the cache holds already; 0 without a cache.</param>
    /// <param name="pages">The sequence's pages, enough for <paramref name="past"/> and the new tokens; empty without a cache.</param>
    /// <param name="firstPosition">The position of the first new token; a sliding window lets it run ahead of <paramref name="past"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="tokens"/> is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="past"/> or <paramref name="firstPosition"/> is negative.</exception>
    public void Add(ReadOnlySpan<int> tokens, int past, ReadOnlySpan<int> pages, int firstPosition)
    {
        if (tokens.IsEmpty)
        {
            throw new ArgumentException("A sequence enters a batch with at least one token.", nameof(tokens));
        }

        ArgumentOutOfRangeException.ThrowIfNegative(past);
        ArgumentOutOfRangeException.ThrowIfNegative(firstPosition);
        EnsureRoom(ref _tokens, _rows + tokens.Length);
        EnsureRoom(ref _positions, _rows + tokens.Length);
        EnsureRoom(ref _pages, _pageCount + pages.Length);
        EnsureRoom(ref _sequences, _sequenceCount + 1);
        tokens.CopyTo(_tokens.AsSpan(_rows));
        for (int i = 0; i < tokens.Length; i++)
        {
            _positions[_rows + i] = firstPosition + i;
        }

        pages.CopyTo(_pages.AsSpan(_pageCount));
        _sequences[_sequenceCount++] = new BatchSequence(_rows, tokens.Length, past, _pageCount, pages.Length);
        _rows += tokens.Length;
        _pageCount += pages.Length;
    }

    private static void EnsureRoom<T>(ref T[] array, int length)
    {
        if (array.Length < length)
        {
            Array.Resize(ref array, Math.Max(length, 2 * array.Length));
        }
    }
}
