using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>Token spellings and their ids, one to one; ids may have gaps.</summary>
internal sealed class Vocabulary
{
    /// <summary>Ids at or above this are taken for damage: the largest vocabularies in use are a tenth of it.</summary>
    public const int IdLimit = 1 << 22;

    private readonly Dictionary<string, int> _ids;
    private readonly List<string?> _spellings;

    public Vocabulary(int capacity = 0)
    {
        _ids = new Dictionary<string, int>(capacity, StringComparer.Ordinal);
        _spellings = new List<string?>(capacity);
    }

    /// <summary>The largest id plus one.</summary>
    public int Size => _spellings.Count;

    /// <summary>Spellings and ids, in no promised order.</summary>
    public IReadOnlyDictionary<string, int> Ids => _ids;

    public bool TryGetId(string spelling, out int id) => _ids.TryGetValue(spelling, out id);

    public bool Contains(ReadOnlySpan<char> spelling) => _ids.GetAlternateLookup<ReadOnlySpan<char>>().ContainsKey(spelling);

    /// <summary>The spelling of an id, or null where no token has it.</summary>
    public string? SpellingOf(int id) => (uint)id < (uint)_spellings.Count ? _spellings[id] : null;

    /// <summary>Adds a token; adding the same token with the same id again changes nothing.</summary>
    public void Add(string spelling, int id, string file)
    {
        if (id is < 0 or >= IdLimit)
        {
            throw new TokenizationException($"{file}: token '{spelling}' has id {id}, expected 0 to {IdLimit - 1}; the file is damaged.");
        }
        if (_ids.TryGetValue(spelling, out var known))
        {
            if (known != id)
            {
                throw new TokenizationException($"{file}: token '{spelling}' has id {id}, but it already has id {known}; a token needs one id, so make them agree.");
            }
            return;
        }
        while (_spellings.Count <= id)
        {
            _spellings.Add(null);
        }
        if (_spellings[id] is { } other)
        {
            throw new TokenizationException($"{file}: id {id} is given to '{spelling}', but '{other}' already has it; each id needs one token, so make them agree.");
        }
        _spellings[id] = spelling;
        _ids.Add(spelling, id);
    }
}
