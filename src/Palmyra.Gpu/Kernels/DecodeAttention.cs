using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = Σⱼ softmaxⱼ(scale·q·kⱼ)·vⱼ for single rows: a block takes one row, one head and one chunk of 128 keys, so that few rows with a long
// past still fill the machine. Chunks of a row that has more than one leave maximum, sum and values in scratch memory, and the last to do
// so, whichever it is, adds all of them up.
//
// The last is found by counting. A block writes its part, and after a barrier its first thread makes what the block has written visible to
// the device (membar.gl), adds 1 to the count of its row and head, and makes visible to the block what the blocks that counted before it
// have written (membar.gl again, which also empties what the multiprocessor's own cache may hold of it); a barrier hands that on to the
// other threads (PTX manual, "Memory Consistency Model": causality order). The block that finds all others counted is the last; it sets the
// count back to zero, which the next launch finds. Counts are zero before the first one.
//
// Scores: eight lanes share a key, each every eighth piece of eight numbers, so a warp reads four keys in runs of 128 bytes (F16: 16 a
// lane); a butterfly of three steps. Softmax: a key a thread. Values: eight dimensions a thread, as many groups of threads as the block has
// room for, group g taking keys g, g + groups, ...; groups are added in order.
// Additions: fixed by the shapes; chunks are added in order, whichever block does it. So a row's result depends neither on its neighbours
// in the batch nor on timing.
// Bytes: every visible key and value once; per chunk and head 4·(numbers + 4) in scratch, written and read once.
internal static class DecodeAttention
{
    public const int Threads = 128;

    /// <summary>Keys of a chunk.</summary>
    public const int Chunk = 128;

    /// <summary>Numbers of a head, at most.</summary>
    public const int MostNumbers = 256;

    /// <summary>Ints that say what a chunk is.</summary>
    public const int ChunkFields = 4;

    private const int MostPieces = MostNumbers / 4;

    /// <summary>Fours of floats that a chunk leaves for each head.</summary>
    public static int PartialPieces(int headDim) => ((headDim + 7) / 8 * 2) + 1;

    /// <summary>
    /// The kernel: a block for a chunk and head. Parameters are those of <see cref="PrefillAttention.Prefill"/>, but that blocks take their
    /// row, first key, first chunk of the row and number of its chunks (0 for none: the block does nothing) from chunks. Where a row has
    /// more than one, partials is to have room for [chunk][head][values, then maximum and sum], and arrivals for a count of each row and
    /// head, all zero.
    /// </summary>
    public static void Decode<TNumbers, TPiece>(
        ArrayView<float> y, ArrayView<float> logSum, ArrayView<Float4> partials, ArrayView<int> arrivals, ArrayView<float> qkv,
        ArrayView<TPiece> numbers, ArrayView<float> scales, ArrayView<int> chunks, ArrayView<int> tokens, ArrayView<int> firstPages, ArrayView<int> pages,
        int headDim, int pageSize, int window, float scale, int stride, int queryStride, int logStride)
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        ArrayView<Float4> query = SharedMemory.Allocate<Float4>(MostPieces);
        ArrayView<Float4> sums = SharedMemory.Allocate<Float4>(2 * Threads);
        ArrayView<float> scores = SharedMemory.Allocate<float>(Chunk);
        ArrayView<int> keyRows = SharedMemory.Allocate<int>(Chunk);
        ArrayView<float> shared = SharedMemory.Allocate<float>(Reducing.MostWarps);
        ArrayView<int> isLast = SharedMemory.Allocate<int>(1);
        int thread = Group.IdxX;
        int head = Grid.IdxY;
        int eights = (headDim + 7) >> 3;
        int pieces = 2 * eights;
        int row = chunks[ChunkFields * Grid.IdxX];
        int first = chunks[(ChunkFields * Grid.IdxX) + 1];
        int firstChunk = chunks[(ChunkFields * Grid.IdxX) + 2];
        int count = chunks[(ChunkFields * Grid.IdxX) + 3];
        if (count == 0)
        {
            return;
        }

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

        // A score of −∞ has no weight, which it would not get from −∞ - −∞ where all of the chunk's are; where all of the row's are, the
        // sum is 0.
        float weight = Elementary.ExpOfNegative(own - (max > float.NegativeInfinity ? max : 0));
        float sum = Reducing.BlockSum(weight, shared);
        if (thread < keys)
        {
            if (TNumbers.Scaled)
            {
                weight *= scales[keyRows[thread] + valuesFrom];
            }

            scores[thread] = weight;
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

            if (count == 1)
            {
                Write(y, logSum, total, max, sum, row, head, headDim, stride, logStride);
            }
            else
            {
                long at = (((long)Grid.IdxX * Grid.DimY) + head) * (pieces + 1);
                partials[at + thread] = total;
                if (thread == 0)
                {
                    partials[at + pieces] = new Float4 { X = max, Y = sum };
                }
            }
        }

        // The same in all of the block's threads, as everything is that comes from its chunk.
        if (count == 1)
        {
            return;
        }

        Group.Barrier();
        if (thread == 0)
        {
            MemoryFence.DeviceLevel();
            int before = Atomic.Add(ref arrivals[((long)row * Grid.DimY) + head], 1);
            MemoryFence.DeviceLevel();
            isLast[0] = before == count - 1 ? 1 : 0;
            if (before == count - 1)
            {
                arrivals[((long)row * Grid.DimY) + head] = 0;
            }
        }

        Group.Barrier();
        if (isLast[0] == 1 && thread < pieces)
        {
            AddUp(y, logSum, partials, firstChunk, count, row, head, headDim, stride, logStride);
        }
    }

    // Adds up the chunks of a row: four numbers a thread.
    private static void AddUp(
        ArrayView<float> y, ArrayView<float> logSum, ArrayView<Float4> partials, int firstChunk, int count, int row, int head, int headDim, int stride,
        int logStride)
    {
        int pieces = PartialPieces(headDim) - 1;
        long first = (((long)firstChunk * Grid.DimY) + head) * (pieces + 1);
        long step = (long)Grid.DimY * (pieces + 1);
        float max = float.NegativeInfinity;
        for (int chunk = 0; chunk < count; chunk++)
        {
            max = MathF.Max(max, partials[first + (chunk * step) + pieces].X);
        }

        float from = max > float.NegativeInfinity ? max : 0;
        float sum = 0;
        Float4 total = default;
        for (int chunk = 0; chunk < count; chunk++)
        {
            long at = first + (chunk * step);
            Float4 facts = partials[at + pieces];
            float weight = Elementary.ExpOfNegative(facts.X - from);
            sum = (facts.Y * weight) + sum;
            total = Float4.MultiplyAdd(partials[at + Group.IdxX], weight, total);
        }

        Write(y, logSum, total, max, sum, row, head, headDim, stride, logStride);
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
