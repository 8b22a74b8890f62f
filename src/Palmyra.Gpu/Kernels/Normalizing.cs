using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = (x − mean)/√(variance + epsilon)·gain + bias.
// A block takes a row, threads stride over its columns, four at a time. Three passes (mean, squares of the differences, result): the second
// and third find the row in the nearest cache, so memory is read once and written once. Reading the mean first costs a pass and saves the
// cancellation that Σx² − (Σx)²/n has. Additions: each thread its fours in order, then Reducing's order. Every thread has read its columns of
// x before it writes them, so y may be x.
// Tails: padding is left out of the squares and written as zeros; a NaN there would stay for all later rows.
internal static class Normalizing
{
    public const int Threads = 256;

    /// <summary>The kernel; <paramref name="stats"/> is empty where nobody wants them.</summary>
    public static void LayerNorm(
        ArrayView<Float4> y, ArrayView<Float4> x, ArrayView<Float4> gain, ArrayView<Float4> bias, ArrayView<float> stats,
        int cols, int pieces, int statsStride, float epsilon)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Reducing.MostWarps);
        long row = (long)Grid.IdxX * pieces;
        float sum = 0;
        for (int piece = Group.IdxX; piece < pieces; piece += Group.DimX)
        {
            sum += x[row + piece].Sum;
        }

        float mean = Reducing.BlockSum(sum, shared) / cols;
        float squares = 0;
        for (int piece = Group.IdxX; piece < pieces; piece += Group.DimX)
        {
            Float4 away = Away(x[row + piece], mean, cols - (4 * piece));
            squares += ((away.X * away.X) + (away.Y * away.Y)) + ((away.Z * away.Z) + (away.W * away.W));
        }

        float inverse = 1 / MathF.Sqrt((Reducing.BlockSum(squares, shared) / cols) + epsilon);
        for (int piece = Group.IdxX; piece < pieces; piece += Group.DimX)
        {
            Float4 away = Away(x[row + piece], mean, cols - (4 * piece));
            Float4 factor = gain[piece];
            Float4 term = bias[piece];
            var result = new Float4
            {
                X = (away.X * inverse * factor.X) + term.X,
                Y = (away.Y * inverse * factor.Y) + term.Y,
                Z = (away.Z * inverse * factor.Z) + term.Z,
                W = (away.W * inverse * factor.W) + term.W,
            };
            y[row + piece] = Kept(result, cols - (4 * piece));
        }

        if (stats.Length > 0 && Group.IdxX == 0)
        {
            long at = (long)Grid.IdxX * statsStride;
            stats[at] = mean;
            stats[at + 1] = inverse;
        }
    }

    private static Float4 Away(Float4 x, float mean, int count) =>
        Kept(new Float4 { X = x.X - mean, Y = x.Y - mean, Z = x.Z - mean, W = x.W - mean }, count);

    /// <summary>The first numbers; the others become 0.</summary>
    private static Float4 Kept(Float4 x, int count) =>
        new() { X = count > 0 ? x.X : 0, Y = count > 1 ? x.Y : 0, Z = count > 2 ? x.Z : 0, W = count > 3 ? x.W : 0 };
}
