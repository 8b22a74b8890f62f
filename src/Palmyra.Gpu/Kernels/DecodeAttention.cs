using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = Σⱼ softmaxⱼ(scale·q·kⱼ)·vⱼ for single rows: a block takes one row, one head and one chunk of 128 keys, so that few rows with a long past
// still fill the machine. Rows of more than one chunk leave maximum, sum and values of each chunk in scratch memory, and Combine adds them up.
//
// Scores: eight lanes share a key, each every eighth piece of eight numbers, so a warp reads four keys in runs of 128 bytes (F16: 16 a lane);
// a butterfly of three steps. Softmax: a key a thread. Values: eight dimensions a thread, as many groups of threads as the block has room for,
// group g taking keys g, g + groups, ...; groups are added in order.
// Additions: fixed by the shapes, the chunk's place among them; so a row's result does not depend on its neighbours in the batch.
// Bytes: every visible key and value once; per chunk and head 4·(numbers + 4) in scratch, written and read once.
internal static class DecodeAttention
{
    public const int Threads = 128;

    /// <summary>Keys of a chunk.</summary>
    public const int Chunk = 128;

    /// <summary>Numbers of a head, at most.</summary>
    public const int MostNumbers = 256;

    private const int MostPieces = MostNumbers / 4;

    /// <summary>Fours of floats that a chunk leaves for each head.</summary>
    public static int PartialPieces(int headDim) => ((headDim + 7) / 8 * 2) + 1;

    /// <summary>
    /// A chunk. Parameters are those of <see cref="PrefillAttention.Prefill"/>, but that blocks take (row, first key) from chunks, and leave
    /// [chunk][head][values, then maximum and sum] in partials; an empty partials means that every row has one chunk, to be written to y.
    /// </summary>
    public static void Decode<TNumbers, TPiece>(
        ArrayView<float> y, ArrayView<float> logSum, ArrayView<Float4> partials, ArrayView<float> qkv, ArrayView<TPiece> numbers,
        ArrayView<float> scales, ArrayView<int> chunks, ArrayView<int> tokens, ArrayView<int> firstPages, ArrayView<int> pages,
        int headDim, int pageSize, int window, float scale, int stride, int queryStride, int logStride)
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        ArrayView<Float4> query = SharedMemory.Allocate<Float4>(MostPieces);
        ArrayView<Float4> sums = SharedMemory.Allocate<Float4>(2 * Threads);
        ArrayView<float> scores = SharedMemory.Allocate<float>(Chunk);
        ArrayView<int> keyRows = SharedMemory.Allocate<int>(Chunk);
        ArrayView<float> shared = SharedMemory.Allocate<float>(Reducing.MostWarps);
        int thread = Group.IdxX;
        int head = Grid.IdxY;
        int eights = (headDim + 7) >> 3;
        int pieces = 2 * eights;
        int row = chunks[2 * Grid.IdxX];
        int first = chunks[(2 * Grid.IdxX) + 1];
        int token = tokens[row];
        int last = IntrinsicMath.Min(token, first + Chunk - 1);
        first = window > 0 ? IntrinsicMath.Max(first, token - window + 1) : first;
        int keys = IntrinsicMath.Max(0, last - first + 1);
        int valuesFrom = Grid.DimY * pageSize;
        if (thread < pieces)
        {
            query[thread] = Caching.ReadFour(qkv, ((long)row * queryStride) + (head * headDim), 4 * thread, headDim) * scale;
        }

        if (thread < keys)
        {
            int page = Caching.PageOf(pages, firstPages[row], (first + thread) / pageSize);
            keyRows[thread] = (((page * 2 * Grid.DimY) + head) * pageSize) + ((first + thread) % pageSize);
        }

        Group.Barrier();
        int eighth = thread & 7;
        for (int base16 = 0; base16 < keys; base16 += Threads / 8)
        {
            int key = base16 + (thread >> 3);
            float score = 0;
            if (key < keys)
            {
                long from = (long)keyRows[key] * eights;
                for (int eight = eighth; eight < eights; eight += 8)
                {
                    score = Float8.Dot(TNumbers.Load(numbers, from + eight), new Float8 { A = query[2 * eight], B = query[(2 * eight) + 1] }, score);
                }
            }

            score += Warp.ShuffleXor(score, 4);
            score += Warp.ShuffleXor(score, 2);
            score += Warp.ShuffleXor(score, 1);
            if (key < keys && eighth == 0)
            {
                if (TNumbers.Scaled)
                {
                    score *= scales[keyRows[key]];
                }

                scores[key] = score;
            }
        }

        Group.Barrier();
        float own = thread < keys ? scores[thread] : float.NegativeInfinity;
        float max = Reducing.BlockMax(own, shared);
        float chance = keys > 0 ? Elementary.ExpOfNegative(own - max) : 0;
        float sum = Reducing.BlockSum(chance, shared);
        if (thread < keys)
        {
            if (TNumbers.Scaled)
            {
                chance *= scales[keyRows[thread] + valuesFrom];
            }

            scores[thread] = chance;
        }

        Group.Barrier();
        int groups = Threads / eights;
        int group = thread / eights;
        int own8 = thread - (group * eights);
        if (group < groups)
        {
            Float8 values = default;
            for (int key = group; key < keys; key += groups)
            {
                values = Float8.MultiplyAdd(TNumbers.Load(numbers, ((long)(keyRows[key] + valuesFrom) * eights) + own8), scores[key], values);
            }

            sums[2 * thread] = values.A;
            sums[(2 * thread) + 1] = values.B;
        }

        Group.Barrier();
        if (thread < pieces)
        {
            Float4 total = default;
            for (int i = 0; i < groups; i++)
            {
                total += sums[(i * pieces) + thread];
            }

            if (partials.Length > 0)
            {
                long at = (((long)Grid.IdxX * Grid.DimY) + head) * (pieces + 1);
                partials[at + thread] = total;
                if (thread == 0)
                {
                    partials[at + pieces] = new Float4 { X = max, Y = sum };
                }
            }
            else
            {
                Write(y, logSum, total, max, sum, row, head, headDim, stride, logStride);
            }
        }
    }

    /// <summary>Adds up the chunks of a row: a block for a row and head.</summary>
    /// <param name="y">Results.</param>
    /// <param name="logSum">Receives max + ln Σ; may be empty.</param>
    /// <param name="partials">What <see cref="Decode"/> left.</param>
    /// <param name="rows">Three for each block: its row, its first chunk and the number of its chunks.</param>
    /// <param name="headDim">Numbers of a head.</param>
    /// <param name="stride">From a row of y to the next.</param>
    /// <param name="logStride">From a row of logSum to the next.</param>
    public static void Combine(
        ArrayView<float> y, ArrayView<float> logSum, ArrayView<Float4> partials, ArrayView<int> rows, int headDim, int stride, int logStride)
    {
        int thread = Group.IdxX;
        int head = Grid.IdxY;
        int pieces = PartialPieces(headDim) - 1;
        int row = rows[3 * Grid.IdxX];
        int chunks = rows[(3 * Grid.IdxX) + 2];
        long first = (((long)rows[(3 * Grid.IdxX) + 1] * Grid.DimY) + head) * (pieces + 1);
        long step = (long)Grid.DimY * (pieces + 1);
        if (thread < pieces)
        {
            float max = float.NegativeInfinity;
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                max = MathF.Max(max, partials[first + (chunk * step) + pieces].X);
            }

            float sum = 0;
            Float4 total = default;
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                long at = first + (chunk * step);
                Float4 facts = partials[at + pieces];
                float weight = Elementary.ExpOfNegative(facts.X - max);
                sum = (facts.Y * weight) + sum;
                total = Float4.MultiplyAdd(partials[at + thread], weight, total);
            }

            Write(y, logSum, total, max, sum, row, head, headDim, stride, logStride);
        }
    }

    private static void Write(
        ArrayView<float> y, ArrayView<float> logSum, Float4 total, float max, float sum, int row, int head, int headDim, int stride, int logStride)
    {
        Caching.Write(y, ((long)row * stride) + (head * headDim), 4 * Group.IdxX, headDim, total * (1 / sum));
        if (logSum.Length > 0 && Group.IdxX == 0)
        {
            logSum[((long)row * logStride) + head] = max + Elementary.Log(sum);
        }
    }
}
