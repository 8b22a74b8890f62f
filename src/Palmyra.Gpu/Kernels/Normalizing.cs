using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = (x − mean)/√(variance + epsilon)·gain + bias.
// A block takes a row, threads stride over its columns. Three passes (mean, squares of the differences, result): the second and third find
// the row in the nearest cache, so memory is read once and written once. Reading the mean first costs a pass and saves the cancellation that
// Σx² − (Σx)²/n has. Additions: each thread its columns in order, then Reducing's order. Every thread has read its columns of x before it
// writes them, so y may be x.
internal static class Normalizing
{
    public const int Threads = 256;

    /// <summary>The kernel; <paramref name="stats"/> is empty where nobody wants them.</summary>
    public static void LayerNorm(
        ArrayView<float> y, ArrayView<float> x, ArrayView<float> gain, ArrayView<float> bias, ArrayView<float> stats,
        int cols, int stride, int statsStride, float epsilon)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Reducing.MostWarps);
        long row = (long)Grid.IdxX * stride;
        float sum = 0;
        for (int c = Group.IdxX; c < cols; c += Group.DimX)
        {
            sum += x[row + c];
        }

        float mean = Reducing.BlockSum(sum, shared) / cols;
        float squares = 0;
        for (int c = Group.IdxX; c < cols; c += Group.DimX)
        {
            float difference = x[row + c] - mean;
            squares = (difference * difference) + squares;
        }

        float inverse = 1 / MathF.Sqrt((Reducing.BlockSum(squares, shared) / cols) + epsilon);
        for (int c = Group.IdxX; c < cols; c += Group.DimX)
        {
            y[row + c] = ((x[row + c] - mean) * inverse * gain[c]) + bias[c];
        }

        if (stats.Length > 0 && Group.IdxX == 0)
        {
            long at = (long)Grid.IdxX * statsStride;
            stats[at] = mean;
            stats[at + 1] = inverse;
        }
    }
}
