using System.Text.RegularExpressions;
using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>One rule that cuts text into words for a word-level vocabulary.</summary>
internal sealed class WordSplitter
{
    // Compiling takes memory and time in proportion, a hundred bytes a character and more.
    private const int LongestPattern = 1 << 14;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(5);

    private readonly Regex _pattern;
    private readonly Gaps _gaps;
    private readonly bool _dropsMatches;

    private WordSplitter(Regex pattern, Gaps gaps, bool dropsMatches = false)
    {
        _pattern = pattern;
        _gaps = gaps;
        _dropsMatches = dropsMatches;
    }

    /// <summary>All that tells one rule from another.</summary>
    public override string ToString() => $"{_pattern} {_gaps} {_dropsMatches}";

    private enum Gaps
    {
        /// <summary>Text between matches is no word.</summary>
        Drop,

        /// <summary>Text between matches is a word too.</summary>
        Keep,

        /// <summary>Text between matches must be white space, which is no word.</summary>
        WhiteSpaceOnly,
    }

    /// <summary>The caller's pattern: its matches are the words, and whatever is visible must be in one.</summary>
    public static WordSplitter Matches(string pattern, string source) => new(Compile(pattern, source), Gaps.WhiteSpaceOnly);

    /// <summary>transformers' Whitespace: runs of word characters, and runs of other visible characters.</summary>
    public static WordSplitter WordsAndSymbols { get; } = new(Compile(@"\w+|[^\w\s]+", ""), Gaps.Drop);

    /// <summary>transformers' WhitespaceSplit: whatever white space separates.</summary>
    public static WordSplitter WhiteSpace { get; } = new(Compile(@"\S+", ""), Gaps.Drop);

    /// <summary>transformers' Split with behaviour Isolated (matches and the text between them) or Removed (one of the two).</summary>
    public static WordSplitter Split(string pattern, bool removes, bool inverted, string source) =>
        new(Compile(pattern, source), removes && inverted ? Gaps.Drop : Gaps.Keep, removes && !inverted);

    /// <summary>Appends the words of text[start, end).</summary>
    public void Split(string text, int start, int end, List<(int Start, int End)> words)
    {
        var position = start;
        try
        {
            foreach (var match in _pattern.EnumerateMatches(text.AsSpan(start, end - start)))
            {
                if (match.Length == 0)
                {
                    continue;
                }
                AddGap(text, position, start + match.Index, words);
                position = start + match.Index + match.Length;
                if (!_dropsMatches)
                {
                    words.Add((start + match.Index, position));
                }
            }
        }
        catch (RegexMatchTimeoutException exception)
        {
            throw new TokenizationException(
                $"The split pattern '{_pattern}' took more than {TimeLimit.TotalSeconds:N0} s on one text; state a pattern that does not backtrack.", exception);
        }
        AddGap(text, position, end, words);
    }

    private void AddGap(string text, int start, int end, List<(int Start, int End)> words)
    {
        if (start == end || _gaps == Gaps.Drop)
        {
            return;
        }
        if (_gaps == Gaps.Keep)
        {
            words.Add((start, end));
        }
        else if (!text.AsSpan(start, end - start).IsWhiteSpace())
        {
            throw new TokenizationException(
                $"The split pattern '{_pattern}' does not cover '{text.AsSpan(start, Math.Min(end - start, 40))}' at character {start}; state a pattern that matches all visible text.");
        }
    }

    private static Regex Compile(string pattern, string source)
    {
        if (pattern.Length > LongestPattern)
        {
            throw new TokenizationException(
                $"{source}: the split pattern has {pattern.Length} characters, expected at most {LongestPattern}; state a shorter one.");
        }
        try
        {
            try
            {
                // Linear in the text whatever the pattern is.
                return new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, TimeLimit);
            }
            catch (NotSupportedException)
            {
                // Look-around and back-references need the backtracking matcher; the time limit keeps it from hanging.
                return new Regex(pattern, RegexOptions.CultureInvariant, TimeLimit);
            }
        }
        catch (ArgumentException exception)
        {
            throw new TokenizationException($"{source}: the split pattern '{pattern}' is not a regular expression .NET understands ({exception.Message})", exception);
        }
    }
}
