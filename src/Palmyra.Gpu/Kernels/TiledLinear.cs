using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Palmyra.Gpu.Kernels;

// y = activation(x·wᵀ + bias) + residual for any number of rows with F32 weights, in 32-bit floats.
//
// A block makes a square of y: Side rows x Side outputs, by threads in a square too, each thread a square of sums in registers (FloatTile.cs).
// Per step, 32 inputs of Side rows of x and of w are copied to shared memory; three steps lie there in turn, one is computed with while the
// next two are on their way.
//
//   stage    x  [row of the tile]    32 floats = 128 bytes, eight pieces of 16
//            w  [output of the tile] the same
//   sums     after the last step, over all of it: [row][Pitch] floats
//
// Copies: eight neighbouring lanes bring the eight pieces of a row, 128 bytes that lie in a run; a thread has four rows of x and four of w.
// A row fills the 32 banks, so piece p of row r lies at place p ^ (r % 8). A copy's eight lanes fill all eight places of a row; and eight lanes
// that read piece p of eight neighbouring rows, as neighbouring outputs do, find it in eight different places. Rows of x are read by all
// lanes of a row of threads at once.
// Sums: of a piece a thread takes four inputs of each of its rows and outputs, so a large tile has 16 loads of 16 bytes for 256 multiply-adds,
// a small one 8 for 64. By count the multiprocessor's 128 bytes a cycle of shared memory keep up with its 128 multiply-adds in the former and
// with half of them in the latter: hence IsLarge.
// Additions: every output is one chain over the inputs in order, so its bits depend on no other row, nor on the tile where NVIDIA's assembler
// makes the same of a multiplication and an addition in both kernels: one instruction, rounded once, or two. That is unmeasured.
// Tails: rows and outputs beyond the last and pieces beyond the last input are copied as zeros, without reading (source size 0), and their
// sums are not written; rows of x and w end in zeros up to a piece of eight numbers.
// Bytes: w is read rows/Side times, x outputs/Side times; blocks of one stretch of w are neighbours, so w comes from memory once and the rest
// from the second-level cache. y is written once, a warp's stores side by side.
internal static class TiledLinear
{
    /// <summary>Inputs of a step.</summary>
    public const int Step = 32;

    private const int Stages = 3;
    private const int Pieces = Step / 4;
    private const int RowBytes = Step * sizeof(float);

    /// <summary>Whether a product gets large tiles: whether the multiprocessors are through with them no later than with small ones.</summary>
    /// <remarks>
    /// A large tile is sixteen small ones, empty rows and outputs included, but a small tile's loads from shared memory let a multiprocessor do half
    /// of what it could: eight small tiles take as long as a large one. Counted, not measured.
    /// </remarks>
    public static bool IsLarge(int rows, int outputs, int multiprocessors) =>
        8 * Turns<LargeFloatTile>(rows, outputs, multiprocessors) <= Turns<SmallFloatTile>(rows, outputs, multiprocessors);

    /// <summary>Bytes of dynamic shared memory a block takes.</summary>
    public static int SharedBytes<TTile>()
        where TTile : struct, IFloatTile<TTile> =>
        Math.Max(Stages * 2 * TTile.Side * RowBytes, TTile.Side * (TTile.Side + TTile.Threads) * sizeof(float));

    /// <summary>The kernel: blocks rows/Side x outputs/Side, Threads² threads.</summary>
    /// <param name="y">Results.</param>
    /// <param name="x">Address of the inputs.</param>
    /// <param name="w">Address of the weights, from the first output's row; as many numbers a row as x has.</param>
    /// <param name="bias">From the first output; may be empty.</param>
    /// <param name="residual">As <paramref name="y"/>; may be empty.</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="pieces">Fours of floats of a row of x and of w.</param>
    /// <param name="stride">Floats from a row of y to the next.</param>
    /// <param name="activation">Applied before the residual is added.</param>
    public static void LinearTiles<TTile>(
        ArrayView<float> y, long x, long w, ArrayView<float> bias, ArrayView<float> residual, int rows, int outputs, int pieces, int stride,
        int activation)
        where TTile : struct, IFloatTile<TTile>
    {
        ArrayView<Float4> stages = SharedMemory.GetDynamic<Float4>();
        ArrayView<float> shared = stages.Cast<float>();
        int thread = Group.IdxX;
        int firstRow = Grid.IdxX * TTile.Side;
        int firstOutput = Grid.IdxY * TTile.Side;
        CudaAsm.Emit(Declare);

        // What the thread copies: piece thread % 8 of four rows, a quarter of the tile apart. Their places are alike, since a quarter is a multiple
        // of eight.
        const int Copied = 4;
        int piece = thread & (Pieces - 1);
        int row = thread >> 3;
        uint to = (uint)(((row * Pieces) + (piece ^ (row & 7))) * 16);
        long further = (long)(TTile.Side / Copied) * pieces * 16;
        long fromX = x + (((((long)firstRow + row) * pieces) + piece) * 16);
        long fromW = w + (((((long)firstOutput + row) * pieces) + piece) * 16);

        // What it computes: rows and outputs Threads apart, so that neighbouring threads have neighbours.
        int column = thread & (TTile.Threads - 1);
        int line = thread / TTile.Threads;
        TTile sums = default;
        int steps = GemmPlan.Ceiling(pieces, Pieces);
        for (int i = 1 - Stages; i < steps; i++)
        {
            if (i >= 0)
            {
                // All groups but the latest are there, the thread's own; after the barrier everybody's, and all are done with the step before.
                CudaAsm.Emit("cp.async.wait_group 1;");
                Group.Barrier();
            }

            int next = i + Stages - 1;
            if (next < steps)
            {
                uint stage = (uint)(next % Stages * 2 * TTile.Side * RowBytes) + to;
                bool inside = piece + (next * Pieces) < pieces;
                long at = (long)next * RowBytes;
                CopyRows<TTile>(stage, fromX + at, further, firstRow + row, inside ? rows : 0);
                CopyRows<TTile>(stage + (uint)(TTile.Side * RowBytes), fromW + at, further, firstOutput + row, inside ? outputs : 0);
            }

            // An empty group too, so that "all but one" always means the step's own.
            CudaAsm.Emit("cp.async.commit_group;");
            if (i >= 0)
            {
                int inputs = (i % Stages * 2 * TTile.Side * Pieces) + (line * Pieces);
                int weights = (((i % Stages * 2) + 1) * TTile.Side * Pieces) + (column * Pieces);
                for (int p = 0; p < Pieces; p++)
                {
                    sums = TTile.MultiplyAdd(sums, stages, inputs + (p ^ (line & 7)), weights + (p ^ (column & 7)));
                }
            }
        }

        // The sums take the stages' place when all copies have come and all warps have read them. The numbers behind each row of them move the
        // next row's banks on by as many as the row's threads.
        CudaAsm.Emit("cp.async.wait_all;");
        Group.Barrier();
        int pitch = TTile.Side + TTile.Threads;
        TTile.Store(sums, shared, (line * pitch) + column, pitch * TTile.Threads);
        Group.Barrier();

        // A thread has one output and every second row; a warp's stores lie side by side.
        int output = thread & (TTile.Side - 1);
        if (firstOutput + output < outputs)
        {
            float add = bias.Length > 0 ? bias[firstOutput + output] : 0;
            int last = IntrinsicMath.Min(TTile.Side, rows - firstRow);
            int r = thread / TTile.Side;
            long at = (((long)firstRow + r) * stride) + firstOutput + output;
            for (; r < last; r += TTile.Threads * TTile.Threads / TTile.Side)
            {
                float value = Activating.Apply(activation, shared[(r * pitch) + output] + add);
                y[at] = residual.Length > 0 ? value + residual[at] : value;
                at += (long)(TTile.Threads * TTile.Threads / TTile.Side) * stride;
            }
        }
    }

    // Tiles that the multiprocessor with the most of them has.
    private static long Turns<TTile>(int rows, int outputs, int multiprocessors)
        where TTile : struct, IFloatTile<TTile>
    {
        long tiles = (long)GemmPlan.Ceiling(rows, TTile.Side) * GemmPlan.Ceiling(outputs, TTile.Side);
        return (tiles + multiprocessors - 1) / multiprocessors;
    }

    // Starts copying four pieces of 16 bytes; those of rows from the last on become zeros.
    private static void CopyRows<TTile>(uint to, long from, long further, int row, int rows)
        where TTile : struct, IFloatTile<TTile>
    {
        const uint Quarter = RowBytes / 4;
        int apart = TTile.Side / 4;
        uint distance = (uint)TTile.Side * Quarter;
        CudaAsm.Emit(Copy, to, from, row < rows ? 16 : 0);
        CudaAsm.Emit(Copy, to + distance, from + further, row + apart < rows ? 16 : 0);
        CudaAsm.Emit(Copy, to + (2 * distance), from + (2 * further), row + (2 * apart) < rows ? 16 : 0);
        CudaAsm.Emit(Copy, to + (3 * distance), from + (3 * further), row + (3 * apart) < rows ? 16 : 0);
    }

    private const string Declare = ".reg .u32 sb; mov.u32 sb, __dyn_shared_alloca;";

    private const string Copy = "{ .reg .u32 p; add.u32 p, sb, %0; cp.async.cg.shared.global [p], [%1], 16, %2; }";
}
