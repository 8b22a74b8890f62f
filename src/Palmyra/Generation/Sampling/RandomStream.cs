using System.Numerics;

namespace Palmyra.Generation.Sampling;

/// <summary>xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021), seeded by SplitMix64.</summary>
/// <remarks>The numbers are the same on every machine and in every release. Not for secrets.</remarks>
public sealed class RandomStream
{
    private ulong _a, _b, _c, _d;

    /// <summary>Starts the stream of a seed; different stream numbers of one seed give unrelated numbers.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="stream">Which of the seed's streams.</param>
    public RandomStream(ulong seed, ulong stream)
    {
        ulong state = seed;
        state = Mix(ref state) ^ (stream * 0xD1B54A32D192ED03);
        _a = Mix(ref state);
        _b = Mix(ref state);
        _c = Mix(ref state);
        _d = Mix(ref state);
    }

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        ulong result = BitOperations.RotateLeft(_b * 5, 7) * 9;
        ulong t = _b << 17;
        _c ^= _a;
        _d ^= _b;
        _b ^= _c;
        _a ^= _d;
        _c ^= t;
        _d = BitOperations.RotateLeft(_d, 45);
        return result;
    }

    /// <summary>The next number in [0, 1), of 53 bits.</summary>
    public double NextUnit() => (Next() >> 11) * (1.0 / (1UL << 53));

    private static ulong Mix(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
