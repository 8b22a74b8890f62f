namespace Palmyra.Gpu.Tests.Ptx;

/// <summary>Random numbers, with those mixed in that instructions like to get wrong.</summary>
internal static class Samples
{
    private const int Count = 200;

    public static uint[] UInt32(int seed) => Fill<uint>(seed, [0, 1, 31, 32, 33, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF], random => (uint)random.NextInt64() >> random.Next(32));

    public static int[] Int32(int seed) => [.. UInt32(seed).Select(value => (int)value)];

    public static ulong[] UInt64(int seed) =>
        Fill<ulong>(seed, [0, 1, 63, 64, long.MaxValue, 1UL << 63, ulong.MaxValue], random => (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64));

    public static long[] Int64(int seed) => [.. UInt64(seed).Select(value => (long)value)];

    public static ushort[] UInt16(int seed) => Fill<ushort>(seed, [0, 1, 15, 16, 0x7FFF, 0x8000, 0xFFFF], random => (ushort)random.Next(65536));

    public static float[] Single(int seed) => Fill(
        seed,
        [0f, -0f, 1, -1, 0.5f, 1.5f, 2.5f, -2.5f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.Epsilon, -1e-40f, float.MaxValue, 3e9f, -3e9f, 1e20f],
        random => (random.NextSingle() - 0.5f) * MathF.Pow(2, random.Next(-12, 14)));

    public static double[] Double(int seed) => [.. Single(seed).Select(value => value * 1.00000000123)];

    private static T[] Fill<T>(int seed, T[] special, Func<Random, T> next)
    {
        var random = new Random(seed);
        var values = new T[Count];
        for (int i = 0; i < Count; i++)
        {
            // Two thirds random; the rest meets every other special number sooner or later, the seeds being different.
            values[i] = random.Next(3) > 0 ? next(random) : special[random.Next(special.Length)];
        }

        return values;
    }
}
