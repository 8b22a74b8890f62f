namespace Palmyra.Cli;

/// <summary>Suggests what a mistyped name may have meant.</summary>
internal static class Nearest
{
    /// <summary>" Did you mean x?", or an empty text if nothing is near.</summary>
    public static string Suggest(string word, IEnumerable<string> known)
    {
        // Words of two or three letters are near to everything: gpu is not a slip for cpu.
        int farthest = word.Length < 4 ? 0 : Math.Max(1, word.Length / 3);
        string? name = known.MinBy(Distance);
        return name is not null && Distance(name) <= farthest ? $" Did you mean '{name}'?" : string.Empty;

        int Distance(string candidate) => EditDistance(word.ToLowerInvariant(), candidate.ToLowerInvariant());
    }

    // Insertions, deletions and replacements (Levenshtein 1966), one row at a time.
    private static int EditDistance(string from, string to)
    {
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                int change = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(change, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[to.Length];
    }
}
