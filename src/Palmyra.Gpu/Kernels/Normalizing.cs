using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = (x − mean)/√(variance + epsilon)·gain + bias.
// A block takes a row. Three passes (mean, squares of the differences, result): the second and third find the row in the nearest cache, so memory is
// read once and written once. Reading the mean first costs a pass and saves the cancellation that Σx² − (Σx)²/n has. Every thread has read its
// columns of x before it writes them, so y may be x.
// Additions are those of eight warps, whatever the block has (FusedGemv norms with others): 256 lanes take fours of columns in turn, each adds its own
// in order; a butterfly over the lanes of a warp, then the eight warps in order. Squares are one chain, so that there is one way only to fuse its
// multiplications with its additions: the assembler's choice is the same wherever this is part of.
// Tails: padding is left out of the squares and written as zeros; a NaN there would stay for all later rows.
internal static class Normalizing
{
    public const int Threads = 32 * Warps;

    /// <summary>Warps whose sums make a row's.</summary>
    public const int Warps = 8;

    /// <summary>The kernel; <paramref name="stats"/> is empty where nobody wants them.</summary>
    public static void LayerNorm(
        ArrayView<Float4> y, ArrayView<Float4> x, ArrayView<Float4> gain, ArrayView<Float4> bias, ArrayView<float> stats,
        int cols, int pieces, int statsStride, float epsilon)
    {
        ArrayView<float> sums = SharedMemory.Allocate<float>(2 * Warps);
        long first = (long)Grid.IdxX * pieces;
        AddUp(x, first, 1, cols, pieces, sums);
        float mean = Mean(sums, 0, cols);
        float inverse = Inverse(sums, 0, 1, cols, epsilon);
        for (int piece = Group.IdxX; piece < pieces; piece += Group.DimX)
        {
            y[first + piece] = Normed(x[first + piece], mean, inverse, gain[piece], bias[piece], cols - (4 * piece));
        }

        if (stats.Length > 0 && Group.IdxX == 0)
        {
            long at = (long)Grid.IdxX * statsStride;
            stats[at] = mean;
            stats[at + 1] = inverse;
        }
    }

    /// <summary>Leaves what <see cref="Mean"/> and <see cref="Inverse"/> need in shared memory; every thread of the block calls it.</summary>
    /// <param name="x">The rows.</param>
    /// <param name="first">Where the first row begins.</param>
    /// <param name="rows">How many.</param>
    /// <param name="cols">Columns.</param>
    /// <param name="pieces">Fours of floats from a row to the next.</param>
    /// <param name="sums">Takes [row][warp] sums, then as many of squares.</param>
    internal static void AddUp(ArrayView<Float4> x, long first, int rows, int cols, int pieces, ArrayView<float> sums)
    {
        int lane = Group.IdxX & 31;
        int items = rows * Warps;
        for (int item = Group.IdxX >> 5; item < items; item += Group.DimX >> 5)
        {
            long row = first + ((long)(item / Warps) * pieces);
            float sum = 0;
            for (int piece = ((item % Warps) * 32) + lane; piece < pieces; piece += Threads)
            {
                sum += x[row + piece].Sum;
            }

            sum = Reducing.WarpSum(sum);
            if (lane == 0)
            {
                sums[item] = sum;
            }
        }

        Group.Barrier();
        for (int item = Group.IdxX >> 5; item < items; item += Group.DimX >> 5)
        {
            long row = first + ((long)(item / Warps) * pieces);
            float mean = Mean(sums, item / Warps, cols);
            float squares = 0;
            for (int piece = ((item % Warps) * 32) + lane; piece < pieces; piece += Threads)
            {
                Float4 away = Away(x[row + piece], mean, cols - (4 * piece));
                squares = (away.X * away.X) + squares;
                squares = (away.Y * away.Y) + squares;
                squares = (away.Z * away.Z) + squares;
                squares = (away.W * away.W) + squares;
            }

            squares = Reducing.WarpSum(squares);
            if (lane == 0)
            {
                sums[items + item] = squares;
            }
        }

        Group.Barrier();
    }

    /// <summary>A row's mean.</summary>
    public static float Mean(ArrayView<float> sums, int row, int cols) => Total(sums, row * Warps) / cols;

    /// <summary>1/√(variance + epsilon) of one of <paramref name="rows"/> rows.</summary>
    public static float Inverse(ArrayView<float> sums, int row, int rows, int cols, float epsilon) =>
        1 / MathF.Sqrt((Total(sums, (rows + row) * Warps) / cols) + epsilon);

    /// <summary>Four results, of which the first <paramref name="count"/> are columns; the others become 0.</summary>
    public static Float4 Normed(Float4 x, float mean, float inverse, Float4 gain, Float4 bias, int count)
    {
        Float4 away = Away(x, mean, count);
        var result = new Float4
        {
            X = (away.X * inverse * gain.X) + bias.X,
            Y = (away.Y * inverse * gain.Y) + bias.Y,
            Z = (away.Z * inverse * gain.Z) + bias.Z,
            W = (away.W * inverse * gain.W) + bias.W,
        };
        return Kept(result, count);
    }

    private static float Total(ArrayView<float> sums, int at)
    {
        float total = sums[at];
        for (int warp = 1; warp < Warps; warp++)
        {
            total += sums[at + warp];
        }

        return total;
    }

    private static Float4 Away(Float4 x, float mean, int count) =>
        Kept(new Float4 { X = x.X - mean, Y = x.Y - mean, Z = x.Z - mean, W = x.W - mean }, count);

    /// <summary>The first numbers; the others become 0.</summary>
    private static Float4 Kept(Float4 x, int count) =>
        new() { X = count > 0 ? x.X : 0, Y = count > 1 ? x.Y : 0, Z = count > 2 ? x.Z : 0, W = count > 3 ? x.W : 0 };
}
