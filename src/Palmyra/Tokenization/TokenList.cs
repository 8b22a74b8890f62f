namespace Palmyra.Tokenization;

/// <summary>Collects the tokens of a text: ids always, spans only when asked for.</summary>
internal sealed class TokenList(bool keepsSpans, int capacity)
{
    private readonly List<int> _ids = keepsSpans ? [] : new List<int>(capacity);
    private readonly List<TokenSpan> _spans = keepsSpans ? new List<TokenSpan>(capacity) : [];

    public bool KeepsSpans { get; } = keepsSpans;

    public void Add(int id, int start, int end)
    {
        if (KeepsSpans)
        {
            _spans.Add(new TokenSpan(id, start, end));
        }
        else
        {
            _ids.Add(id);
        }
    }

    public void AddIds(ReadOnlySpan<int> ids) => _ids.AddRange(ids);

    public int[] ToIds() => [.. _ids];

    public TokenSpan[] ToSpans() => [.. _spans];
}
