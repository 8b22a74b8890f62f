using ILGPU;

namespace Palmyra.Gpu.Kernels;

// (x₂ᵢ, x₂ᵢ₊₁) → (x₂ᵢcosφ − x₂ᵢ₊₁sinφ, x₂ᵢ₊₁cosφ + x₂ᵢsinφ) for the first numbers of every head of queries and keys, in place.
// A block a row; threads stride over (head, pair), so that neighbours turn neighbouring pairs. Cosines and sines come from a table of the
// host's, [position][pair] in fours of bytes, made in double: the hardware's own lose digits at large angles.
internal static class Rotating
{
    public const int Threads = 128;

    /// <summary>The kernel.</summary>
    /// <param name="qkv">Queries, keys, values.</param>
    /// <param name="table">[position][pair][cosine, sine].</param>
    /// <param name="positions">Of each row.</param>
    /// <param name="heads">Heads of queries and keys together.</param>
    /// <param name="headDim">Numbers of a head.</param>
    /// <param name="pairs">Pairs of a head that turn.</param>
    /// <param name="stride">Numbers from a row to the next.</param>
    public static void Rotate(ArrayView<float> qkv, ArrayView<float> table, ArrayView<int> positions, int heads, int headDim, int pairs, int stride)
    {
        long row = (long)Grid.IdxX * stride;
        long angles = (long)positions[Grid.IdxX] * pairs;
        for (int i = Group.IdxX; i < heads * pairs; i += Group.DimX)
        {
            int head = i / pairs;
            int pair = i - (head * pairs);
            long at = row + (head * headDim) + (2 * pair);
            Turned turned = Turn(table, angles + pair, qkv[at], qkv[at + 1]);
            qkv[at] = turned.Even;
            qkv[at + 1] = turned.Odd;
        }
    }

    /// <summary>Turns a pair.</summary>
    /// <param name="table">Cosines and sines.</param>
    /// <param name="angle">Which of them.</param>
    /// <param name="even">The pair's first number.</param>
    /// <param name="odd">The pair's second number.</param>
    public static Turned Turn(ArrayView<float> table, long angle, float even, float odd)
    {
        float cosine = table[2 * angle];
        float sine = table[(2 * angle) + 1];
        return new Turned { Even = (even * cosine) - (odd * sine), Odd = (odd * cosine) + (even * sine) };
    }

    /// <summary>A pair.</summary>
    internal struct Turned
    {
        public float Even;
        public float Odd;
    }
}
