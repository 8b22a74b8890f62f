using ILGPU;

namespace Palmyra.Gpu.Kernels;

// Rounds rows of inputs to the 16 bits that tensor cores multiply: what a GEMM reads in its place.
//
//   to       [part][row][piece] of eight numbers, 16 bytes; pieces = columns rounded up to 8; behind the last column lie zeros
//   part     0 the rounded numbers; 1, if asked for, what the rounding left over, rounded as well
//   factors  [row]: what the row's products are to be multiplied by
//
// A half has four times as many digits as a brain float but ends at 65,504. So a row is multiplied by the power of two that takes its
// largest number to 2^14 .. 2^15: nothing becomes infinite, and what falls below a half's smallest step is less than 2^-39 of the largest.
// Both multiplications are exact. Infinity and NaN stay what they are.
//
// A block rounds a row: thread t takes pieces t, t + 256, ... Bytes: a row is read once from memory, for halves once more from the cache.
internal static class GemmRows
{
    public const int Threads = 256;

    /// <summary>The kernel: a block for each row.</summary>
    /// <param name="to">Receives the rounded numbers.</param>
    /// <param name="factors">Receives the factors.</param>
    /// <param name="x">Inputs in fours; rows lie stride / 4 of them apart and are readable up to the last piece's end.</param>
    /// <param name="fours">Fours from a row of x to the next.</param>
    /// <param name="columns">Inputs.</param>
    /// <param name="parts">1 or 2.</param>
    public static void Round<TNumber>(ArrayView<Word4> to, ArrayView<float> factors, ArrayView<Float4> x, int fours, int columns, int parts)
        where TNumber : struct, IGemmNumber
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads / 32);
        long row = Grid.IdxX;
        int pieces = (columns + 7) >> 3;
        float factor = 1;
        float inverse = 1;
        if (TNumber.IsScaled)
        {
            float largest = 0;
            for (int i = Group.IdxX; i < pieces; i += Threads)
            {
                Float4 a = First(x, (row * fours) + (2 * i), (8 * i), columns);
                Float4 b = First(x, (row * fours) + (2 * i) + 1, (8 * i) + 4, columns);
                largest = IntrinsicMath.Max(largest, IntrinsicMath.Max(Largest(a), Largest(b)));
            }

            for (int distance = 16; distance > 0; distance >>= 1)
            {
                largest = IntrinsicMath.Max(largest, Warp.ShuffleXor(largest, distance));
            }

            if ((Group.IdxX & 31) == 0)
            {
                shared[Group.IdxX >> 5] = largest;
            }

            Group.Barrier();
            largest = 0;
            for (int warp = 0; warp < Threads / 32; warp++)
            {
                largest = IntrinsicMath.Max(largest, shared[warp]);
            }

            // largest is 2^(exponent - 127) or up to twice that; the factor, 2^(power - 127), stays a normal number and so does its
            // inverse.
            int exponent = (int)(Interop.FloatAsInt(largest) >> 23);
            int power = IntrinsicMath.Min(127 + 14 + 127 - exponent, 253);
            factor = Interop.IntAsFloat((uint)power << 23);
            inverse = Interop.IntAsFloat((uint)(254 - power) << 23);
        }

        if (Group.IdxX == 0)
        {
            factors[row] = inverse;
        }

        for (int i = Group.IdxX; i < pieces; i += Threads)
        {
            Float4 a = First(x, (row * fours) + (2 * i), (8 * i), columns) * factor;
            Float4 b = First(x, (row * fours) + (2 * i) + 1, (8 * i) + 4, columns) * factor;
            to[(row * pieces) + i] = new Word4
            {
                X = Pair<TNumber>(a.X, a.Y), Y = Pair<TNumber>(a.Z, a.W), Z = Pair<TNumber>(b.X, b.Y), W = Pair<TNumber>(b.Z, b.W),
            };
            if (parts > 1)
            {
                to[((row + Grid.DimX) * pieces) + i] = new Word4
                {
                    X = Rest<TNumber>(a.X, a.Y), Y = Rest<TNumber>(a.Z, a.W), Z = Rest<TNumber>(b.X, b.Y), W = Rest<TNumber>(b.Z, b.W),
                };
            }
        }
    }

    // Four inputs, those from the end on as zeros.
    private static Float4 First(ArrayView<Float4> x, long at, int column, int columns)
    {
        Float4 four = x[at];
        return new Float4
        {
            X = column < columns ? four.X : 0,
            Y = column + 1 < columns ? four.Y : 0,
            Z = column + 2 < columns ? four.Z : 0,
            W = column + 3 < columns ? four.W : 0,
        };
    }

    private static float Largest(Float4 a) => IntrinsicMath.Max(
        IntrinsicMath.Max(MathF.Abs(a.X), MathF.Abs(a.Y)), IntrinsicMath.Max(MathF.Abs(a.Z), MathF.Abs(a.W)));

    private static uint Pair<TNumber>(float low, float high)
        where TNumber : struct, IGemmNumber => TNumber.Round(low) | (TNumber.Round(high) << 16);

    private static uint Rest<TNumber>(float low, float high)
        where TNumber : struct, IGemmNumber => Pair<TNumber>(Rest<TNumber>(low), Rest<TNumber>(high));

    // Infinity less itself would make the product NaN.
    private static float Rest<TNumber>(float value)
        where TNumber : struct, IGemmNumber
    {
        float rest = value - TNumber.Value(TNumber.Round(value));
        return float.IsNaN(rest) ? 0 : rest;
    }
}
