using System.Text;

namespace Palmyra.Testing.Ptx.Syntax;

/// <summary>Cuts PTX into words and signs. A word may hold dots and double colons: "cp.async.cg.shared.global.L2::128B", "%tid.x", ".reg".</summary>
internal sealed class Scanner(string text)
{
    private int _at;

    /// <summary>The line of what comes next, from 1.</summary>
    public int Line { get; private set; } = 1;

    /// <summary>Where the scanner stands in the text.</summary>
    public int Position => _at;

    /// <summary>The next character after blanks and comments; '\0' at the end.</summary>
    public char Peek()
    {
        SkipBlanks();
        return _at < text.Length ? text[_at] : '\0';
    }

    /// <summary>Takes the next character if it is <paramref name="sign"/>.</summary>
    public bool Take(char sign)
    {
        if (Peek() != sign)
        {
            return false;
        }

        _at++;
        return true;
    }

    /// <summary>Takes a word; empty if a sign comes next.</summary>
    public string Word()
    {
        SkipBlanks();
        int start = _at;
        while (_at < text.Length)
        {
            if (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] is '_' or '$' or '%' or '.')
            {
                _at++;
            }
            else if (text[_at] == ':' && _at + 1 < text.Length && text[_at + 1] == ':' && _at > start)
            {
                _at += 2;
            }
            else
            {
                break;
            }
        }

        return text[start.._at];
    }

    /// <summary>Whether a label's colon comes next, rather than the double colon inside a word.</summary>
    public bool TakeColon() => Take(':');

    /// <summary>Skips the rest of the line: .loc and .file have no semicolon.</summary>
    public void SkipLine()
    {
        while (_at < text.Length && text[_at] != '\n')
        {
            _at++;
        }
    }

    /// <summary>The text from <paramref name="start"/> to here with single spaces.</summary>
    public string Since(int start)
    {
        var words = new StringBuilder();
        foreach (string word in text[start.._at].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            words.Append(words.Length == 0 ? string.Empty : " ").Append(word);
        }

        return words.ToString().TrimEnd(';');
    }

    private void SkipBlanks()
    {
        while (_at < text.Length)
        {
            if (text[_at] == '\n')
            {
                Line++;
                _at++;
            }
            else if (char.IsWhiteSpace(text[_at]))
            {
                _at++;
            }
            else if (text.AsSpan(_at).StartsWith("//"))
            {
                SkipLine();
            }
            else if (text.AsSpan(_at).StartsWith("/*"))
            {
                int end = text.IndexOf("*/", _at, StringComparison.Ordinal);
                end = end < 0 ? text.Length : end + 2;
                Line += text.AsSpan(_at, end - _at).Count('\n');
                _at = end;
            }
            else
            {
                return;
            }
        }
    }
}
