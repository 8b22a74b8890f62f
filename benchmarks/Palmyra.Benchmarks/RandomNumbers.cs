namespace Palmyra.Benchmarks;

/// <summary>Random numbers for benchmarks: zeros would be measured too fast and subnormals too slow.</summary>
internal static class RandomNumbers
{
    /// <summary>Numbers evenly spread over ±<paramref name="scale"/>, the same in every run.</summary>
    public static float[] Fill(int count, float scale)
    {
        var random = new Random(1);
        var values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = scale * ((2 * random.NextSingle()) - 1);
        }

        return values;
    }

    /// <summary>A prompt whose tokens lie all over the vocabulary.</summary>
    public static int[] Tokens(int count, int vocabulary) =>
        [.. Enumerable.Range(0, count).Select(i => (int)((i * 2654435761L) % vocabulary))];
}
