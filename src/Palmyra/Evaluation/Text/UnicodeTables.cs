using System.IO.Compression;

namespace Palmyra.Evaluation.Text;

/// <summary>What of the Unicode Character Database normalization needs, read from the resource nfkc.bin; its format is described where it is written.</summary>
internal sealed class UnicodeTables
{
    private readonly Dictionary<int, int> _classes = [];

    private UnicodeTables()
    {
    }

    /// <summary>Complete compatibility decompositions, without Hangul.</summary>
    public Dictionary<int, int[]> Decompositions { get; } = [];

    /// <summary>Primary composites by their two letters, without Hangul.</summary>
    public Dictionary<(int First, int Second), int> Composites { get; } = [];

    /// <summary>The canonical combining class of a code point.</summary>
    public int ClassOf(int letter) => letter < 0x300 ? 0 : _classes.GetValueOrDefault(letter);

    /// <summary>Reads the resource.</summary>
    public static UnicodeTables Load()
    {
        using Stream packed = typeof(UnicodeTables).Assembly.GetManifestResourceStream("nfkc.bin")!;
        using var stream = new BufferedStream(new DeflateStream(packed, CompressionMode.Decompress));
        var tables = new UnicodeTables();
        int first = 0;
        for (int runs = Number(stream); runs > 0; runs--)
        {
            first += Number(stream);
            int count = Number(stream);
            int kind = Number(stream);
            for (int letter = first; letter < first + count; letter++)
            {
                tables._classes.Add(letter, kind);
            }
        }

        int[] keys = Rising(stream);
        int[][] values = [.. keys.Select(_ => new int[Number(stream)])];
        int start = 0;
        for (int i = 0; i < keys.Length; i++)
        {
            int before = start;
            for (int j = 0; j < values[i].Length; j++)
            {
                values[i][j] = before += Change(stream);
            }

            start = values[i][0];
            tables.Decompositions.Add(keys[i], values[i]);
        }

        int[] composites = Rising(stream);
        int[] firsts = Changes(stream, composites.Length);
        int[] seconds = Changes(stream, composites.Length);
        for (int i = 0; i < composites.Length; i++)
        {
            tables.Composites.Add((firsts[i], seconds[i]), composites[i]);
        }

        return tables;
    }

    private static int[] Rising(Stream stream)
    {
        var numbers = new int[Number(stream)];
        for (int i = 0, before = 0; i < numbers.Length; i++)
        {
            numbers[i] = before += Number(stream);
        }

        return numbers;
    }

    private static int[] Changes(Stream stream, int count)
    {
        var numbers = new int[count];
        for (int i = 0, before = 0; i < count; i++)
        {
            numbers[i] = before += Change(stream);
        }

        return numbers;
    }

    private static int Change(Stream stream)
    {
        int folded = Number(stream);
        return (folded >> 1) ^ -(folded & 1);
    }

    private static int Number(Stream stream)
    {
        int number = 0;
        for (int shift = 0; ; shift += 7)
        {
            int part = stream.ReadByte();
            number |= (part & 0x7F) << shift;
            if (part < 0x80)
            {
                return number;
            }
        }
    }
}
