using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = activation(x·wᵀ + bias) + residual for any number of rows with F32 weights, in 32-bit floats.
//
// A block makes 64 rows x 64 outputs with 256 threads, each thread four rows by four outputs in registers. Per turn, 32 columns of 64 rows of
// x and of w go to shared memory, turned on their side ([column][row], 68 floats from a column to the next), each thread bringing
// eight columns of one row of either; neighbouring lanes bring neighbouring rows, so that their stores fall into different banks. Then each
// thread takes per column one piece of 16 bytes of either and does sixteen multiply-adds.
// Additions: every output is one chain over the columns in order.
// Tails: rows and outputs beyond the last are zeros in shared memory and not written; rows of x and w end in zeros up to a piece of eight.
// Bytes: x is read outputs/64 times, w rows/64 times, mostly from the second-level cache; y is written once.
internal static class TiledLinear
{
    public const int Threads = 256;

    /// <summary>Rows and outputs of a block.</summary>
    public const int Tile = 64;

    private const int Depth = 32;
    private const int Column = Tile + 4;

    /// <summary>The kernel.</summary>
    /// <param name="y">Results.</param>
    /// <param name="x">Inputs in fours.</param>
    /// <param name="weights">In fours, from the first output's row; as many a row as x has.</param>
    /// <param name="bias">From the first output; may be empty.</param>
    /// <param name="residual">As <paramref name="y"/>; may be empty.</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="pieces">Fours of floats of a row of x and of w; even.</param>
    /// <param name="stride">Floats from a row of y to the next.</param>
    /// <param name="activation">Applied before the residual is added.</param>
    public static void LinearTiles(
        ArrayView<float> y, ArrayView<Float4> x, ArrayView<Float4> weights, ArrayView<float> bias, ArrayView<float> residual,
        int rows, int outputs, int pieces, int stride, int activation)
    {
        ArrayView<Float4> xs = SharedMemory.Allocate<Float4>(Depth * Column / 4);
        ArrayView<Float4> ws = SharedMemory.Allocate<Float4>(Depth * Column / 4);
        ArrayView<float> xFloats = xs.Cast<float>();
        ArrayView<float> wFloats = ws.Cast<float>();
        int thread = Group.IdxX;
        int lane = thread & (Tile - 1);
        int eight = thread >> 6;
        int loadedRow = (Grid.IdxY * Tile) + lane;
        int loadedOutput = (Grid.IdxX * Tile) + lane;
        int at = (eight * 8 * Column) + lane;
        int column = thread & 15;
        int row = thread >> 4;
        Float4 a = default;
        Float4 b = default;
        Float4 c = default;
        Float4 d = default;
        for (int first = 0; first < pieces; first += Depth / 4)
        {
            int piece = first + (2 * eight);
            Store(Load(x, loadedRow, rows, piece, pieces), xFloats, at);
            Store(Load(weights, loadedOutput, outputs, piece, pieces), wFloats, at);
            Group.Barrier();
            for (int k = 0; k < Depth; k++)
            {
                Float4 inputs = xs[(k * (Column / 4)) + row];
                Float4 factors = ws[(k * (Column / 4)) + column];
                a = Float4.MultiplyAdd(factors, inputs.X, a);
                b = Float4.MultiplyAdd(factors, inputs.Y, b);
                c = Float4.MultiplyAdd(factors, inputs.Z, c);
                d = Float4.MultiplyAdd(factors, inputs.W, d);
            }

            Group.Barrier();
        }

        int firstRow = (Grid.IdxY * Tile) + (4 * row);
        int firstOutput = (Grid.IdxX * Tile) + (4 * column);
        Finish(y, bias, residual, a, firstRow, firstOutput, rows, outputs, stride, activation);
        Finish(y, bias, residual, b, firstRow + 1, firstOutput, rows, outputs, stride, activation);
        Finish(y, bias, residual, c, firstRow + 2, firstOutput, rows, outputs, stride, activation);
        Finish(y, bias, residual, d, firstRow + 3, firstOutput, rows, outputs, stride, activation);
    }

    private static Float8 Load(ArrayView<Float4> matrix, int row, int rows, int piece, int pieces)
    {
        Float8 values = default;
        if (row < rows && piece < pieces)
        {
            long from = ((long)row * pieces) + piece;
            values = new Float8 { A = matrix[from], B = matrix[from + 1] };
        }

        return values;
    }

    private static void Store(Float8 values, ArrayView<float> shared, int at)
    {
        shared[at] = values.A.X;
        shared[at + Column] = values.A.Y;
        shared[at + (2 * Column)] = values.A.Z;
        shared[at + (3 * Column)] = values.A.W;
        shared[at + (4 * Column)] = values.B.X;
        shared[at + (5 * Column)] = values.B.Y;
        shared[at + (6 * Column)] = values.B.Z;
        shared[at + (7 * Column)] = values.B.W;
    }

    private static void Finish(
        ArrayView<float> y, ArrayView<float> bias, ArrayView<float> residual, Float4 sums, int row, int output, int rows, int outputs,
        int stride, int activation)
    {
        if (row < rows)
        {
            // One body instead of four: the activation is long.
            for (int i = 0; i < 4 && output + i < outputs; i++)
            {
                float sum = i == 0 ? sums.X : i == 1 ? sums.Y : i == 2 ? sums.Z : sums.W;
                sum = Activating.Apply(activation, bias.Length > 0 ? sum + bias[output + i] : sum);
                long at = ((long)row * stride) + output + i;
                y[at] = residual.Length > 0 ? sum + residual[at] : sum;
            }
        }
    }
}
