using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Palmyra.Gpu.Kernels;

// y = activation(x·wᵀ + bias) + residual for more than a few rows of x, on tensor cores: prefill, and decoding of many sequences.
//
// A block makes a tile of y (GemmTile.cs: rows x outputs), 32 inputs a step. mma.sync multiplies 16-bit floats exactly and adds them to
// 32-bit sums. The inputs were rounded to 16 bits by GemmRows, with a factor for each row; weights are
//
//   BF16   multiplied as they are, by inputs rounded to brain floats: 8 bits, an error of up to 2^-8
//   F16    multiplied as they are, by inputs rounded to halves: 11 bits, up to 2^-11
//   Q8, Q4 widened to halves when they are in shared memory (GemmWidening). The other way, to multiply the integers and apply the scales to
//          sums of 32 inputs, would be exact, but takes as many registers again as the sums of a warp's row of tiles and an operation a
//          number of y and group; and beside the error that Q8 has, up to 2^-8 of a group's largest number, 2^-11 does not show.
//
// Exact products run over the inputs more than once, as if the matrices were longer:
//
//   pass 0   rounded inputs · (rounded) weights
//   pass 1   what the inputs' rounding left over · (rounded) weights
//   pass 2   rounded inputs · what the weights' rounding left over: Q8 and Q4
//
// What no pass has is at most 2^-16 of a product (BF16) or 2^-21.
//
// Shared memory. Stages form a ring; step i lives in stage i % 4 and is copied while the three before it are computed with:
//
//   stage    inputs  [row of the tile]    32 x 16 bits = 64 bytes, four pieces of 16
//            weights [output of the tile] the same; Q8 and Q4 instead [thread] 16 or 8 bytes of integers
//   widened  Q8 and Q4: weights of two steps, [i % 2][output of the tile] 64 bytes
//   sums     after the last step, over all of it: [row][Outputs + 8] floats
//
// Two rows fill the 32 banks, so piece p of row r lies at place p ^ (r/2 % 4): any eight rows that ldmatrix reads together, piece p of rows
// 8j .. 8j+7, lie in eight different places of the 128 bytes.
//
//   r  0: 0 1 2 3   1: 0 1 2 3          The second 16 inputs, pieces 2 and 3, are at the first's address with bit 5 turned.
//   r  2: 1 0 3 2   3: 1 0 3 2
//   r  4: 2 3 0 1   5: 2 3 0 1          The eight floats behind each row of sums move the next row by 8 banks, so that pairs of four rows,
//   r  6: 3 2 1 0   7: 3 2 1 0          which half a warp stores, do not meet.
//
// A step: wait for its copies (the thread's own); widen; barrier, after which everybody's copies and widened numbers are there and
// everybody is done with the step before; start copies for the step after the next two, into the stage of the step before; multiply. Every
// iteration closes a group of copies, be it empty, so that "all but two" always means the step's own. The first three iterations only copy.
//
// Tails: rows and outputs beyond the last and pieces beyond the last input are copied as zeros, without reading (source size 0); results
// there are not stored. GemmRows has put zeros behind the last input within its piece, as GpuMatrix has behind the weights.
//
// Order of additions: within 16 inputs the hardware's; then by 16 inputs ascending, pass by pass; with a split, GemmSums adds the parts in
// order. The same shapes give the same bits each time, and other tiles do not change them; another number of rows may choose another split.
//
// A flat tile's 64 threads of the first two warps copy inputs, all of them weights: 4 KB of weights (2 KB of Q8, 1 KB of Q4) beside 1 KB of
// inputs a step.
//
// Per step and block of 128 x 128: 16 KB read from the level-2 cache (12 KB of Q8, 10 KB of Q4), 2·128·128·32 operations, 32 mma and 12
// ldmatrix a warp; Q8 and Q4 add some 50 instructions a thread.
//
// Nothing here has been timed, assembled by NVIDIA's assembler or run on a GPU; an interpreter of PTX in the tests ran all of it. What
// follows are estimates. Registers by count: 64 sums, 24 operands and some 25 that stay, so about 115 a thread; at most 128 would let two
// blocks of large tiles share a multiprocessor (138 KB of shared memory). To be tried on a device first: what the assembler says of
// registers and local memory (if it takes more than 128, ".minnctapersm 2" makes it keep to them), 64 inputs a step, and four numbers a
// store at the end.
internal static class GemmTensorCores
{
    /// <summary>Inputs of a step, and of a group of Q8 and Q4.</summary>
    public const int Step = 32;

    /// <summary>Steps in shared memory at a time; a power of two.</summary>
    public const int Stages = 4;

    /// <summary>Floats behind a row of sums in shared memory.</summary>
    public const int Gap = 8;

    private const int RowBytes = 2 * Step;

    /// <summary>Bytes of dynamic shared memory a block takes.</summary>
    public static int SharedBytes<TTile, TWeights>()
        where TTile : struct, IGemmTile
        where TWeights : struct, IGemmWeights
    {
        int widened = TWeights.IsQuantized ? 2 * TTile.Outputs * RowBytes : 0;
        return Math.Max((Stages * StageBytes<TTile, TWeights>()) + widened, TTile.Rows * (TTile.Outputs + Gap) * sizeof(float));
    }

    /// <summary>The kernel: blocks rows/Rows x (splits · outputs/Outputs), 2·Outputs threads.</summary>
    /// <param name="y">Results; with a split [part][row][output], without bias and so on, which GemmSums sees to.</param>
    /// <param name="x">Address of the inputs as GemmRows made them.</param>
    /// <param name="factors">The rows' factors.</param>
    /// <param name="w">Address of the weights.</param>
    /// <param name="scales">Address of the scales, of Q8 and Q4.</param>
    /// <param name="bias">One an output, or empty.</param>
    /// <param name="residual">As <paramref name="y"/>, which it may be, or empty.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="pieces">Pieces of eight inputs, the last one perhaps not full.</param>
    /// <param name="depth">Steps of a pass: 32 inputs each, the last one perhaps not full.</param>
    /// <param name="partBytes">From the inputs' rounded numbers to what their rounding left over.</param>
    /// <param name="scaleStride">Scales from an output's to the next's.</param>
    /// <param name="stride">Numbers from a row of y to the next.</param>
    /// <param name="steps">Steps of all passes.</param>
    /// <param name="share">Steps of a block; the last ones of a split may have fewer.</param>
    /// <param name="splitBits">log₂ of the blocks that share the inputs of a piece of y.</param>
    /// <param name="activation">Applied before the residual is added.</param>
    public static void Multiply<TTile, TWeights>(
        ArrayView<float> y, long x, ArrayView<float> factors, long w, long scales, ArrayView<float> bias, ArrayView<float> residual,
        int rows, int outputs, int pieces, int depth, long partBytes, int scaleStride,
        int stride, int steps, int share, int splitBits, int activation)
        where TTile : struct, IGemmTile
        where TWeights : struct, IGemmWeights
    {
        ArrayView<float> sums = SharedMemory.GetDynamic<float>();
        int thread = Group.IdxX;
        int split = Grid.IdxY & ((1 << splitBits) - 1);
        int firstRow = Grid.IdxX * TTile.Rows;
        int firstOutput = (Grid.IdxY >> splitBits) * TTile.Outputs;
        CudaAsm.Emit(GemmText.Declare);
        TTile.Clear();

        // What the thread copies: piece thread % 4 of rows thread/4 and Outputs/2 further, of the inputs and of 16-bit weights alike. A flat tile has
        // inputs for some threads only, and one piece each.
        int row = thread >> 2;
        int piece = thread & 3;
        long ofTile = (((long)row * pieces) + piece) << 4;
        CudaAsm.Emit(
            GemmText.KeepInputs,
            Place(row, piece),
            x + (((long)firstRow * pieces) << 4) + ofTile,
            firstRow + row < rows ? 16 : 0,
            firstRow + row + (TTile.Outputs / 2) < rows ? 16 : 0);
        CudaAsm.Emit(GemmText.KeepPieces, (long)(TTile.Outputs / 2) * pieces << 4, pieces - piece);
        if (TWeights.IsQuantized)
        {
            // Or, of Q8 and Q4, half thread % 2 of the group of output thread/2.
            TWeights.Declare();
            int output = thread >> 1;
            int half = thread & 1;
            int eight = TWeights.FirstEight(output, half);
            int present = firstOutput + output < outputs ? TWeights.GroupBytes / 2 : 0;
            long group = (long)(firstOutput + output) * depth;
            CudaAsm.Emit(GemmText.KeepWeights, w + (group * TWeights.GroupBytes) + (half * (TWeights.GroupBytes / 2)), present, present);
            CudaAsm.Emit(
                GemmWidening.Keep,
                (uint)(TTile.Rows * RowBytes) + (uint)(thread * (TWeights.GroupBytes / 2)),
                Widened<TTile, TWeights>(0) + Place(output, eight),
                Widened<TTile, TWeights>(0) + Place(output, eight ^ TWeights.OtherEight),
                scales + ((long)IntrinsicMath.Min(firstOutput + output, outputs - 1) * scaleStride * 2));
        }
        else
        {
            CudaAsm.Emit(
                GemmText.KeepWeights,
                w + (((long)firstOutput * pieces) << 4) + ofTile,
                firstOutput + row < outputs ? 16 : 0,
                firstOutput + row + (TTile.Outputs / 2) < outputs ? 16 : 0);
        }

        // What its lane names to ldmatrix: a row of the warp's inputs and a row of its weights; see GemmText.
        int lane = thread & 31;
        int warpRow = (thread >> 5) / (TTile.Outputs / TTile.WarpOutputs) * TTile.WarpRows;
        int warpOutput = (thread >> 5) % (TTile.Outputs / TTile.WarpOutputs) * TTile.WarpOutputs;
        uint ofInputs = Place(warpRow + (lane & 15), lane >> 4);
        uint ofWeights = Place(warpOutput + (lane & 7) + ((lane >> 4) << 3), (lane >> 3) & 1);
        CudaAsm.Emit(GemmText.KeepPlaces, ofInputs, ofWeights, ofInputs ^ 32u, ofWeights ^ 32u);

        int first = split * share;
        int end = IntrinsicMath.Min(first + share, steps);
        for (int i = first - (Stages - 1); i < end; i++)
        {
            if (i >= first)
            {
                CudaAsm.Emit(GemmText.WaitForOldest);
                if (TWeights.IsQuantized)
                {
                    TWeights.Take(Stage<TTile, TWeights>(i), thread >> 1);
                    if (i >= 2 * depth)
                    {
                        CudaAsm.Emit(GemmWidening.Remainders);
                    }
                    else
                    {
                        CudaAsm.Emit(GemmWidening.Products);
                    }

                    CudaAsm.Emit(GemmWidening.Store, (uint)((i & 1) * TTile.Outputs * RowBytes));
                }

                Group.Barrier();
            }

            int next = i + Stages - 1;
            if (next < end)
            {
                int k = StepOf(next, depth);
                uint stage = Stage<TTile, TWeights>(next);
                const int Half = RowBytes / 2;
                long at = ((long)k * RowBytes) + (next - k == depth ? partBytes : 0);
                if (TTile.Rows == TTile.Outputs)
                {
                    CudaAsm.Emit(GemmText.CopyInputs, stage, stage + (uint)(TTile.Outputs * Half), at, 4 * k);
                }
                else if (row < TTile.Rows)
                {
                    CudaAsm.Emit(GemmText.CopyFewInputs, stage, at, 4 * k);
                }

                if (TWeights.IsQuantized)
                {
                    TWeights.Copy(stage, k);
                }
                else
                {
                    stage += (uint)(TTile.Rows * RowBytes);
                    CudaAsm.Emit(GemmText.CopyWeights, stage, stage + (uint)(TTile.Outputs * Half), (long)k * RowBytes, 4 * k);
                }
            }

            CudaAsm.Emit(GemmText.Commit);

            // A scale is loaded one step ahead, into the register that the widening has just read.
            if (TWeights.IsQuantized && i + 1 >= first && i + 1 < end)
            {
                CudaAsm.Emit(GemmWidening.LoadScale, 2L * StepOf(i + 1, depth));
            }

            if (i >= first)
            {
                uint inputs = Stage<TTile, TWeights>(i);
                uint weights = TWeights.IsQuantized ? Widened<TTile, TWeights>(i) : inputs + (uint)(TTile.Rows * RowBytes);
                TTile.FetchFirst(inputs, weights);
                TTile.Multiply<TWeights>();
                TTile.FetchSecond(inputs, weights);
                TTile.Multiply<TWeights>();
            }
        }

        // The sums take the stages' place when all copies have come and all warps have read them.
        CudaAsm.Emit(GemmText.WaitForAll);
        Group.Barrier();
        int pitch = TTile.Outputs + Gap;
        uint place = (uint)((((warpRow + (lane >> 2)) * pitch) + warpOutput + ((lane & 3) << 1)) * sizeof(float));
        TTile.Store(place, (uint)(8 * pitch * sizeof(float)));
        Group.Barrier();

        // A thread has one output and every second row; a warp's stores lie side by side.
        int column = thread & (TTile.Outputs - 1);
        if (firstOutput + column < outputs)
        {
            float add = bias.Length > 0 ? bias[firstOutput + column] : 0;
            int last = IntrinsicMath.Min(TTile.Rows, rows - firstRow);
            int r = thread / TTile.Outputs;
            long at = ((((long)split * rows) + firstRow + r) * stride) + firstOutput + column;
            for (; r < last; r += 2)
            {
                float value = (sums[(r * pitch) + column] * factors[firstRow + r]) + add;
                value = Activating.Apply(activation, value);
                y[at] = residual.Length > 0 ? value + residual[at] : value;
                at += 2L * stride;
            }
        }
    }

    // The step of the matrices that a step of all passes is.
    private static int StepOf(int step, int depth)
    {
        int k = step < depth ? step : step - depth;
        return k < depth ? k : k - depth;
    }

    // Where a piece of a row lies among rows of 64 bytes.
    private static uint Place(int row, int piece) => (uint)((row * RowBytes) + ((piece ^ ((row >> 1) & 3)) << 4));

    private static int StageBytes<TTile, TWeights>()
        where TTile : struct, IGemmTile
        where TWeights : struct, IGemmWeights => (TTile.Rows * RowBytes) + (TTile.Outputs * TWeights.GroupBytes);

    private static uint Stage<TTile, TWeights>(int step)
        where TTile : struct, IGemmTile
        where TWeights : struct, IGemmWeights => (uint)((step & (Stages - 1)) * StageBytes<TTile, TWeights>());

    private static uint Widened<TTile, TWeights>(int step)
        where TTile : struct, IGemmTile
        where TWeights : struct, IGemmWeights =>
            (uint)((Stages * StageBytes<TTile, TWeights>()) + ((step & 1) * TTile.Outputs * RowBytes));
}
