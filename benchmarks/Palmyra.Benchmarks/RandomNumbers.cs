namespace Palmyra.Benchmarks;

/// <summary>Random numbers for benchmarks: zeros would be measured too fast and subnormals too slow.</summary>
internal static class RandomNumbers
{
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
}
