namespace Palmyra.Evaluation.Tasks;

/// <summary>Words for refusals: lists, and which known word an unknown one is nearest to.</summary>
internal static class Sentence
{
    private const int MostListed = 12;

    /// <summary>"a", "a and b", "a, b and c"; a long list ends with how many more there are.</summary>
    public static string List(IEnumerable<string> words, string last = "and")
    {
        string[] all = [.. words];
        return all.Length switch
        {
            0 => "none",
            1 => all[0],
            <= MostListed => $"{string.Join(", ", all[..^1])} {last} {all[^1]}",
            _ => $"{string.Join(", ", all[..MostListed])} {last} {all.Length - MostListed} more",
        };
    }

    /// <summary>The known word with the fewest letters to change, by insertions, deletions and substitutions.</summary>
    public static string Nearest(string word, IEnumerable<string> known) => known.MinBy(candidate => Distance(word, candidate))!;

    private static int Distance(string left, string right)
    {
        int[] row = [.. Enumerable.Range(0, right.Length + 1)];
        for (int i = 1; i <= left.Length; i++)
        {
            (int diagonal, row[0]) = (row[0], i);
            for (int j = 1; j <= right.Length; j++)
            {
                int changed = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
                (diagonal, row[j]) = (row[j], Math.Min(changed, Math.Min(row[j], row[j - 1]) + 1));
            }
        }

        return row[^1];
    }
}
