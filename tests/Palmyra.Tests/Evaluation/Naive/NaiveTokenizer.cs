using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Palmyra.Tests.Evaluation.Naive;

/// <summary>Byte-level BPE, slowly: a regular expression for the pieces, then one merge after the other.</summary>
/// <remarks>The expression counts UTF-16 units where letters are concerned, which is right for the texts here.</remarks>
internal static partial class NaiveTokenizer
{
    public const int EndOfText = 256;

    // Bytes as letters: Ġ is a blank, Ċ a line feed, Ã© an é, âĢľ a curly quote. Some join what a context ends with and what follows it.
    private static readonly string[] Merges =
    [
        "Ġ t", "h e", "Ġt he", "Ġ a", "i n", "e r", "o n", "r e", "Ġ s", "Ġ w", "o u", "Ġ b", "Ġ h", "n d", "Ġa nd", "e d",
        "i t", "Ġ o", "Ġo f", "a t", "Ġ i", "Ġi n", "Ġ f", "l l", "e n", "a s", "Ġw as", "Ġ m", "Ġ c", "Ġt o", "he r", "Ġ Ġ",
        "ĠĠ Ġ", "Ċ Ċ", "? \"", ". \"", "= =", "Ã ©", "â Ģ", "âĢ ľ", "Ġ âĢľ", "' s", "Ġ '", "Ġ d", "Ġ e", "Ġ n", "Ġ r", "Ġ l",
        "Ġ g", "Ġ p", "Ġ y", "Ġ k", "Ċ Ġ", ", \"",
    ];

    private static readonly List<string> Tokens = MakeTokens();

    /// <summary>More than any id that has a token, fewer than the fixture models have rows.</summary>
    public const int VocabularySize = 320;

    public static void Write(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n" + string.Join('\n', Merges) + "\n");
        File.WriteAllText(
            Path.Combine(folder, "vocab.json"),
            JsonSerializer.Serialize(Tokens.Select((token, id) => (token, id)).ToDictionary(pair => pair.token, pair => pair.id)));
    }

    public static List<int> Encode(string text)
    {
        var ids = new List<int>();
        foreach (Match piece in Piece().Matches(text))
        {
            List<string> parts = [.. Encoding.UTF8.GetBytes(piece.Value).Select(Letter)];
            foreach (string[] merge in BestFirst(parts))
            {
                for (int i = 0; i + 1 < parts.Count; i++)
                {
                    if (parts[i] == merge[0] && parts[i + 1] == merge[1])
                    {
                        parts[i] += parts[i + 1];
                        parts.RemoveAt(i + 1);
                    }
                }
            }

            ids.AddRange(parts.Select(part => Tokens.IndexOf(part)));
        }

        return ids;
    }

    /// <summary>The text of a token that is a blank and a word; else null.</summary>
    public static string? Word(int id) =>
        id < Tokens.Count && Tokens[id] is ['Ġ', char first, .. string rest] && (first + rest).All(char.IsAsciiLetter) ? " " + first + rest : null;

    // The applicable merge of the lowest rank, again and again.
    private static IEnumerable<string[]> BestFirst(List<string> parts)
    {
        while (true)
        {
            string? best = Merges.FirstOrDefault(merge => parts.Zip(parts.Skip(1)).Any(pair => $"{pair.First} {pair.Second}" == merge));
            if (best is null)
            {
                yield break;
            }

            yield return best.Split(' ');
        }
    }

    private static List<string> MakeTokens()
    {
        List<string> tokens = [.. Enumerable.Range(0, 256).Select(value => Letter((byte)value))];
        tokens.Add("<|endoftext|>");
        tokens.AddRange(Merges.Select(merge => merge.Replace(" ", "", StringComparison.Ordinal)));
        return tokens;
    }

    private static string Letter(byte value)
    {
        bool IsPlain(int b) => b is (>= 0x21 and <= 0x7E) or (>= 0xA1 and <= 0xAC) or >= 0xAE;
        int letter = IsPlain(value) ? value : 256 + Enumerable.Range(0, value).Count(below => !IsPlain(below));
        return ((char)letter).ToString();
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Piece();
}
