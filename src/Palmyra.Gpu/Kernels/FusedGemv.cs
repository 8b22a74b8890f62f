using ILGPU;

namespace Palmyra.Gpu.Kernels;

// Gemv with what comes before and after it in a decoded step: the norm that makes its inputs, for 1 to 4 rows, and what becomes of queries, keys
// and values, for as many as Gemv takes. One launch in place of up to four. All numbers, in every tensor and cache page, are those of the separate kernels to
// the bit: sums, norm, turning and rounding are their own functions, in their order of additions. (An assembler may still join multiplications and
// additions in one kernel and not in the other: turning, a·b − c·d, has two ways. README.md, "Unmeasured".)
//
// Teams. `team` threads make four outputs of all rows, as a block of Gemv's does with as many; a block has one team, or, where it norms, four, so
// that four teams share the work of norming. The blocks that norm are about as many as run at once, and go through the outputs in rounds:
// block b's team t takes the group of four outputs b·teams + t, then the one that blocks·teams further on, and so forth. All teams of a block
// make the same number of rounds; where a group lies beyond the last output, the last one is computed again and not written.
//
// Norming. Every block norms all rows for itself, by Normalizing, into dynamic shared memory; block 0 also writes them to x, where the LayerNorm that
// was asked for would have left them. They lie turned, [row][four of a step][step], the fours of a step being 2, 4 or 8 and the way from one to
// the next `fourStride` = steps rounded up to eight, and 4, 2 or 1 more: lanes take neighbouring steps, so what they read together lies in a run,
// and eight lanes that write neighbouring fours write to eight different pieces of the 128 bytes of all banks. No request meets itself in a bank,
// where lanes of Gemv read 16 bytes in every 32, 64 or 128.
//
// Epilogue. Where `headDim` is not 0 the outputs are queries, keys and values, the four of a team lie within one head (headDim is a multiple of
// four), and a thread has all four of a row: it turns its pairs, writes them to y, and keys and values to their place in the cache as well. Zeros
// behind a head's last number are there from the cache's beginning. Otherwise the epilogue is Gemv's: activation, residual.
//
// Shared memory, dynamic: rows·2·Parts·fourStride·16 bytes (GPT-J-6B in BF16: 16.1 KB a row). Static: 2 KB of sums that warps leave for their
// teams, in two halves for rounds in turn, so that a round has one barrier: who writes a half has passed the barrier of the round before,
// and so has everybody who read it last. And 256 bytes of the norm's sums.
// Bytes: weights once. With a norm a block reads x three times, gain and bias once a row, from the nearest cache but for the first time: 20·inputs
// bytes a row, 4·inputs more to shared memory. With two blocks of 512 threads on a multiprocessor that is 2·24·4096 bytes, or 1,500 cycles of a load
// path of 128 bytes, for a row of GPT-J-6B, before the first weight: less than a launch and a kernel of its own for one row, and it grows with
// the rows, which a kernel of its own norms side by side. So up to four; where between one and four it stops to pay is to be measured.
// Registers: sums and weights as in Gemv. 512 threads leave 128 a thread; four rows of Q4, with 16 sums, 16 of the step so far, 16 words and 32
// floats of weights, 8 of inputs and addresses, come near it. Two blocks of 512 need 64 or fewer: the grid asks the loaded kernel, and is one block
// a multiprocessor where it takes more. None of this is measured.
internal static class FusedGemv
{
    /// <summary>Rows that are normed in place, at most.</summary>
    public const int MostNormedRows = 4;

    /// <summary>Teams of a block that norms.</summary>
    public const int Teams = 4;

    /// <summary>Threads that blocks which norm have on a multiprocessor, as far as registers and shared memory let them.</summary>
    public const int ResidentThreads = 1024;

    /// <summary>Registers of a multiprocessor, from compute capability 8.0 on.</summary>
    public const int MultiprocessorRegisters = 65536;

    /// <summary>Shared memory that a block declares itself, with what the device takes for its own ends, at most.</summary>
    public const int StaticBytes = 4096;

    // Warps of a block times rows of its sums: sixteen warps of up to four rows, or four of up to sixteen.
    private const int MostWarpRows = 64;

    /// <summary>The kernel. Its parameters begin with those of <see cref="Gemv.Linear"/>.</summary>
    /// <param name="y">Results.</param>
    /// <param name="x">Inputs in fours; with a norm, what takes its results.</param>
    /// <param name="weights">From the first output's row.</param>
    /// <param name="scales">From the first output's row; empty for floats.</param>
    /// <param name="bias">From the first output; may be empty.</param>
    /// <param name="residual">As <paramref name="y"/>; may be empty.</param>
    /// <param name="rows">Rows of x, at most <typeparamref name="TRows"/>'s.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="steps">Steps of a row of weights.</param>
    /// <param name="scaleStride">Scales from a row to the next.</param>
    /// <param name="pieces">Fours of floats of a row of x.</param>
    /// <param name="stride">Floats from a row of y to the next.</param>
    /// <param name="activation">Applied before the residual is added; neither where outputs are queries, keys and values.</param>
    /// <param name="source">With a norm, its inputs.</param>
    /// <param name="gain">With a norm, its gain.</param>
    /// <param name="term">With a norm, its bias.</param>
    /// <param name="table">Cosines and sines, as <see cref="Rotating"/> has them.</param>
    /// <param name="positions">Of each row, where pairs turn.</param>
    /// <param name="numbers">The layer's numbers in the cache; empty where nothing is stored.</param>
    /// <param name="pages">Page lists; empty if pages are numbered through.</param>
    /// <param name="firstPages">For each row where its page list starts, or the number of its first page.</param>
    /// <param name="tokens">For each row its token within the sequence.</param>
    /// <param name="team">Threads of a team.</param>
    /// <param name="cols">With a norm, columns of x.</param>
    /// <param name="fourStride">With a norm, from four inputs in shared memory to the next of their step.</param>
    /// <param name="epsilon">With a norm, added to its variance.</param>
    /// <param name="heads">Heads, of queries alone.</param>
    /// <param name="headDim">Numbers of a head; 0 where the outputs are just outputs.</param>
    /// <param name="pairs">Pairs of a head of queries and keys that turn.</param>
    /// <param name="pageSize">Tokens of a page.</param>
    public static void Linear<TWeights, TRows, TInputs, TNumbers, TPiece>(
        ArrayView<float> y, ArrayView<Float4> x, ArrayView<Word4> weights, ArrayView<ushort> scales, ArrayView<float> bias,
        ArrayView<float> residual, int rows, int outputs, int steps, int scaleStride, int pieces, int stride, int activation,
        ArrayView<Float4> source, ArrayView<Float4> gain, ArrayView<Float4> term, ArrayView<float> table, ArrayView<int> positions,
        ArrayView<TPiece> numbers, ArrayView<int> pages, ArrayView<int> firstPages, ArrayView<int> tokens,
        int team, int cols, int fourStride, float epsilon, int heads, int headDim, int pairs, int pageSize)
        where TWeights : struct, IWeights
        where TRows : struct, IRowSums<TRows>
        where TInputs : struct, IFusedInputs
        where TNumbers : struct, ICacheFours<TPiece>
        where TPiece : unmanaged
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(2 * MostWarpRows * Gemv.Outputs);
        InputRows inputs = TInputs.Normed
            ? Norm<TWeights>(x, source, gain, term, rows, cols, pieces, fourStride, epsilon)
            : Gemv.AsStored<TWeights>(x, rows, pieces);
        int teams = Group.DimX / team;
        int own = Group.IdxX / team;
        int thread = Group.IdxX - (own * team);
        int warps = team >> 5;
        int half = 0;
        for (int round = Grid.IdxX * teams; round * Gemv.Outputs < outputs; round += Grid.DimX * teams)
        {
            int first = (round + own) * Gemv.Outputs;
            TRows sums = Gemv.Sums<TWeights, TRows>(
                inputs, weights, scales, IntrinsicMath.Min(first, outputs - 1), outputs, steps, scaleStride, pieces, thread, team);
            int firstWarp = half + (own * warps);
            Gemv.Keep(sums, shared, firstWarp + (thread >> 5));
            Group.Barrier();
            if (headDim == 0)
            {
                Gemv.Write<TRows>(y, shared, bias, residual, first, rows, outputs, stride, activation, firstWarp, thread, team);
            }
            else if (thread < rows && first < outputs)
            {
                int item = thread * Gemv.Outputs;
                var four = new Float4
                {
                    X = Gemv.Total<TRows>(shared, bias, first, item, firstWarp, warps),
                    Y = Gemv.Total<TRows>(shared, bias, first + 1, item + 1, firstWarp, warps),
                    Z = Gemv.Total<TRows>(shared, bias, first + 2, item + 2, firstWarp, warps),
                    W = Gemv.Total<TRows>(shared, bias, first + 3, item + 3, firstWarp, warps),
                };
                int head = first / headDim;
                int number = first - (head * headDim);
                if (head < 2 * heads)
                {
                    four = Turn(four, table, positions, thread, number >> 1, pairs);
                }

                int at = (thread * stride) + first;
                y[at] = four.X;
                y[at + 1] = four.Y;
                y[at + 2] = four.Z;
                y[at + 3] = four.W;
                if (numbers.Length > 0 && head >= heads)
                {
                    int token = tokens[thread];
                    int page = Caching.PageOf(pages, firstPages[thread], token / pageSize);
                    long to = Caching.PlaceOf(page, head - heads, heads, pageSize, token % pageSize);
                    TNumbers.Store(numbers, (to * ((headDim + 7) >> 3) * 2) + (number >> 2), four);
                }
            }

            half = (Group.DimX >> 5) - half;
        }
    }

    /// <summary>From four inputs in shared memory to the next of their step.</summary>
    /// <param name="steps">Steps of a row of weights.</param>
    /// <param name="parts">Eights of columns of a step.</param>
    public static int FourStride(int steps, int parts) => ((steps + 7) / 8 * 8) + (4 / parts);

    // The rows' norms, in shared memory.
    private static InputRows Norm<TWeights>(
        ArrayView<Float4> x, ArrayView<Float4> source, ArrayView<Float4> gain, ArrayView<Float4> term, int rows, int cols, int pieces,
        int fourStride, float epsilon)
        where TWeights : struct, IWeights
    {
        ArrayView<Float4> normed = SharedMemory.GetDynamic<Float4>();
        ArrayView<float> sums = SharedMemory.Allocate<float>(2 * MostNormedRows * Normalizing.Warps);
        Normalizing.AddUp(source, 0, rows, cols, pieces, sums);
        for (int row = 0; row < rows; row++)
        {
            float mean = Normalizing.Mean(sums, row, cols);
            float inverse = Normalizing.Inverse(sums, row, rows, cols, epsilon);
            for (int piece = Group.IdxX; piece < pieces; piece += Group.DimX)
            {
                int at = (row * pieces) + piece;
                Float4 result = Normalizing.Normed(source[at], mean, inverse, gain[piece], term[piece], cols - (4 * piece));
                int step = piece / (2 * TWeights.Parts);
                int four = piece - (step * 2 * TWeights.Parts);
                normed[(((row * 2 * TWeights.Parts) + four) * fourStride) + step] = result;
                if (Grid.IdxX == 0)
                {
                    x[at] = result;
                }
            }
        }

        Group.Barrier();
        return new InputRows { Values = normed, Step = 1, Four = fourStride, Row = 2 * TWeights.Parts * fourStride, Last = rows - 1 };
    }

    private static Float4 Turn(Float4 four, ArrayView<float> table, ArrayView<int> positions, int row, int pair, int pairs)
    {
        if (pair < pairs)
        {
            Rotating.Turned turned = Rotating.Turn(table, ((long)positions[row] * pairs) + pair, four.X, four.Y);
            (four.X, four.Y) = (turned.Even, turned.Odd);
        }

        if (pair + 1 < pairs)
        {
            Rotating.Turned turned = Rotating.Turn(table, ((long)positions[row] * pairs) + pair + 1, four.Z, four.W);
            (four.Z, four.W) = (turned.Even, turned.Odd);
        }

        return four;
    }
}

/// <summary>Where a fused product has its inputs from.</summary>
internal interface IFusedInputs
{
    /// <summary>Whether the kernel norms them first.</summary>
    static abstract bool Normed { get; }
}

/// <summary>Inputs that the kernel norms into shared memory.</summary>
internal readonly struct NormedInputs : IFusedInputs
{
    public static bool Normed => true;
}

/// <summary>Inputs as a tensor has them.</summary>
internal readonly struct StoredInputs : IFusedInputs
{
    public static bool Normed => false;
}
