namespace Palmyra.Gpu;

/// <summary>The memory that GPUs are sold with, and what of it a model may take.</summary>
public static class GpuCards
{
    /// <summary>What of a card's memory is counted: the driver, its context, graphs and error correction take some of the rest.</summary>
    public const double CountedShare = 0.9;

    /// <summary>The sizes, in the GB that a card's name has, ascending.</summary>
    public static IReadOnlyList<int> Sizes { get; } = [8, 16, 24, 40, 80, 141];

    /// <summary>The bytes that are counted of a card: of 16 GB, which are GiB, 14.4 GiB.</summary>
    /// <param name="size">One of <see cref="Sizes"/>.</param>
    public static long CountedBytes(int size) => (long)(CountedShare * size * (1L << 30));

    /// <summary>The smallest card that has room for so many bytes; null where the largest has not.</summary>
    public static int? Holding(long bytes) => Sizes.Where(size => bytes <= CountedBytes(size)).Select(size => (int?)size).FirstOrDefault();
}
