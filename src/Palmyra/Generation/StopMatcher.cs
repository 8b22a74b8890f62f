using System.Text;

namespace Palmyra.Generation;

/// <summary>The text of one sequence as its tokens come: finds stop strings wherever tokens split them and says what may be shown already.</summary>
/// <remarks>
/// A stop string counts when it ends within the text a token added, whatever follows it there. Of several, the one that ends first cuts
/// the text (the one that starts first, if they end together), so that the text does not depend on how it was split.
/// </remarks>
internal sealed class StopMatcher(ITokenDecoder decoder, IReadOnlyList<string> stops)
{
    private readonly StringBuilder _text = new();
    private int _shown;

    /// <summary>The text so far, cut once a stop string was found.</summary>
    public string Text => _text.ToString();

    /// <summary>Takes the next token.</summary>
    /// <returns>Whether a stop string is now complete; the text is then cut before it.</returns>
    public bool Push(int token) => Append(decoder.Push(token));

    /// <summary>Ends the text: nothing more will come.</summary>
    public void End() => Append(decoder.Flush());

    /// <summary>The text that became certain since the last call.</summary>
    /// <param name="ended">Whether nothing more will come.</param>
    public string Take(bool ended)
    {
        int certain = _text.Length - (ended ? 0 : HeldBack());
        string piece = _text.ToString(_shown, certain - _shown);
        _shown = certain;
        return piece;
    }

    private bool Append(string piece)
    {
        int before = _text.Length;
        _text.Append(piece);
        (int end, int start) = (int.MaxValue, 0);
        foreach (string stop in stops)
        {
            int from = Math.Max(0, before - stop.Length + 1);
            int at = _text.ToString(from, _text.Length - from).IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && (from + at + stop.Length, from + at).CompareTo((end, start)) < 0)
            {
                (end, start) = (from + at + stop.Length, from + at);
            }
        }

        if (end == int.MaxValue)
        {
            return false;
        }

        _text.Length = start;
        return true;
    }

    // The longest end of the text that a stop string may begin with.
    private int HeldBack()
    {
        int longest = 0;
        foreach (string stop in stops)
        {
            for (int length = Math.Min(stop.Length - 1, _text.Length - _shown); length > longest; length--)
            {
                if (_text.ToString(_text.Length - length, length).AsSpan().SequenceEqual(stop.AsSpan(0, length)))
                {
                    longest = length;
                    break;
                }
            }
        }

        return longest;
    }
}
