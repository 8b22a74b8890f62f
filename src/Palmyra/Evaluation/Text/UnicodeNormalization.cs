using System.Text;

namespace Palmyra.Evaluation.Text;

/// <summary>Unicode's normalization form KC (UAX #15), of Unicode 15.1: decomposed as far as it goes, marks in order, composed again.</summary>
/// <remarks>
/// .NET's own normalization does nothing where the process runs without culture data, as Palmyra's programs do. The tables, 12 KB, come from
/// tools/unicode-normalization; Hangul is computed.
/// </remarks>
internal static class UnicodeNormalization
{
    private const int Syllables = 0xAC00;
    private const int Leads = 0x1100;
    private const int Vowels = 0x1161;
    private const int Trails = 0x11A7;
    private const int LeadCount = 19;
    private const int VowelCount = 21;
    private const int TrailCount = 28;

    private static readonly Lazy<UnicodeTables> Tables = new(UnicodeTables.Load);

    /// <summary>A text in form KC. Half a surrogate pair becomes U+FFFD; text below U+00A0 is returned as it is.</summary>
    public static string ToNfkc(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.AsSpan().IndexOfAnyExceptInRange('\0', '\x9F') < 0 ? text : Compose(Decompose(text));
    }

    private static List<int> Decompose(string text)
    {
        UnicodeTables tables = Tables.Value;
        var letters = new List<int>(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            int syllable = rune.Value - Syllables;
            if (syllable is >= 0 and < LeadCount * VowelCount * TrailCount)
            {
                letters.Add(Leads + (syllable / (VowelCount * TrailCount)));
                letters.Add(Vowels + (syllable / TrailCount % VowelCount));
                if (syllable % TrailCount != 0)
                {
                    letters.Add(Trails + (syllable % TrailCount));
                }
            }
            else if (tables.Decompositions.TryGetValue(rune.Value, out int[]? parts))
            {
                letters.AddRange(parts);
            }
            else
            {
                letters.Add(rune.Value);
            }
        }

        Order(letters, tables);
        return letters;
    }

    // Runs of marks are sorted by class; marks of one class stay in their order.
    private static void Order(List<int> letters, UnicodeTables tables)
    {
        for (int start = 0; start < letters.Count; start++)
        {
            int end = start;
            while (end < letters.Count && tables.ClassOf(letters[end]) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                int[] sorted = [.. letters.GetRange(start, end - start).OrderBy(tables.ClassOf)];
                for (int i = 0; i < sorted.Length; i++)
                {
                    letters[start + i] = sorted[i];
                }
            }

            start = end;
        }
    }

    private static string Compose(List<int> letters)
    {
        UnicodeTables tables = Tables.Value;
        int kept = 0;
        int starter = -1;

        // The class of what was kept last after the starter; −1 if that is nothing.
        int last = -1;
        for (int i = 0; i < letters.Count; i++)
        {
            int letter = letters[i];
            int kind = tables.ClassOf(letter);
            if (starter >= 0 && last < kind && Composite(letters[starter], letter, tables) is int composite)
            {
                letters[starter] = composite;
                continue;
            }

            (starter, last) = kind == 0 ? (kept, -1) : (starter, kind);
            letters[kept++] = letter;
        }

        var text = new StringBuilder(kept);
        for (int i = 0; i < kept; i++)
        {
            text.Append(new Rune(letters[i]));
        }

        return text.ToString();
    }

    private static int? Composite(int first, int second, UnicodeTables tables)
    {
        if (first - Leads is >= 0 and < LeadCount && second - Vowels is >= 0 and < VowelCount)
        {
            return Syllables + ((((first - Leads) * VowelCount) + second - Vowels) * TrailCount);
        }

        bool lacksTrail = first - Syllables is >= 0 and < LeadCount * VowelCount * TrailCount && (first - Syllables) % TrailCount == 0;
        return lacksTrail && second - Trails is > 0 and < TrailCount ? first + second - Trails
            : tables.Composites.TryGetValue((first, second), out int composite) ? composite
            : null;
    }
}
