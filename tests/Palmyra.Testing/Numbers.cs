namespace Palmyra.Testing;

/// <summary>Repeatable numbers for tests, and how far two lists of numbers lie apart.</summary>
public static class Numbers
{
    /// <summary><paramref name="count"/> numbers spread evenly over ±<paramref name="scale"/>, the same for the same seed on every machine.</summary>
    public static float[] Spread(int seed, int count, float scale = 1)
    {
        var values = new float[count];
        ulong state = ((ulong)seed * 0x9E3779B97F4A7C15) + 1;
        for (int i = 0; i < count; i++)
        {
            state = (state * 6364136223846793005) + 1442695040888963407;
            values[i] = scale * ((int)(state >> 40) - (1 << 23)) / (1 << 23);
        }

        return values;
    }

    /// <summary>Σ(actual − expected)²/Σ expected²: the normalised squared error. Numbers that are not finite must agree exactly, or it is infinite.</summary>
    public static double SquaredError(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(actual.Length, expected.Length);
        double difference = 0;
        double size = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (!float.IsFinite(expected[i]) || !float.IsFinite(actual[i]))
            {
                if (!expected[i].Equals(actual[i]))
                {
                    return double.PositiveInfinity;
                }

                continue;
            }

            double distance = (double)actual[i] - expected[i];
            difference += distance * distance;
            size += (double)expected[i] * expected[i];
        }

        return difference == 0 ? 0 : difference / size;
    }
}
