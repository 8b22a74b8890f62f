using System.Numerics;
using ILGPU;

namespace Palmyra.Gpu.Kernels;

// The largest logits of a row with ids and log-probabilities. Begin: a block takes a part of 1,024 logits of a row, leaves its largest ones in order,
// as a list, and the maximum and the sum of the part. Merge: a block takes lists of a row of 4,096 keys in all and leaves the largest ones in order,
// as a list; started again until one list is left, which the last start writes out. With up to 64 logits asked for and 50,257 to choose from
// that is one Begin of 50 blocks a row and one Merge; with 1,024 it is three.
//
// Keys: logit and id in 64 bits, whose rising order is the wanted one: falling logits, rising ids. Unlike any logit, a key of ones is nothing.
// Order: bitonic sorting (Batcher 1968) in shared memory, as far as needed (Shanbhag, Pirk and Madden 2018): with k a power of two not below the
// logits asked for, runs of k are sorted, those of the lower half rising, those of the upper half falling. A run and the one half the keys away are
// then one bitonic sequence, of which the smaller number of each pair goes on: the k smallest, bitonic again. Sorting those gives half as many
// runs. For k = 1 that is a tournament of ten rounds. Threads take pairs next to each other, in words of 64 bits; steps below 16 meet banks twice.
// Additions: each thread its four logits, a butterfly over lanes, warps in order; then the parts of a row, lane l of one warp l, l + 32, ... in
// order, and a butterfly. So a row's log-probabilities depend neither on k nor on other rows.
// NaN: maxima pass it over, sums do not; a maximum that is +∞ makes the sum NaN by itself, and no number at all is seen at the end.
// Bytes: the logits once; 8·k a part and 8 for its sum, written and read once.
internal static class Ranking
{
    /// <summary>Threads of <see cref="Begin"/>, each with four logits.</summary>
    public const int Threads = 256;

    /// <summary>Threads of <see cref="Merge"/>.</summary>
    public const int MergeThreads = 512;

    /// <summary>Logits of a part.</summary>
    public const int Part = 4 * Threads;

    /// <summary>Keys a block merges, at most.</summary>
    public const int MostKeys = 4096;

    /// <summary>What scratch memory holds: sums, then lists of keys, then merged lists.</summary>
    /// <param name="rows">Rows of logits.</param>
    /// <param name="vocabulary">Logits of a row.</param>
    /// <param name="wanted">Logits to find.</param>
    public static (long SumFloats, long ListKeys, long Bytes) Room(int rows, int vocabulary, int wanted)
    {
        int kept = (int)BitOperations.RoundUpToPowerOf2((uint)wanted);
        int parts = GemmPlan.Ceiling(vocabulary, Part);
        long sums = 2L * rows * parts;
        long lists = (long)rows * parts * kept;
        long merged = (long)rows * GemmPlan.Ceiling(parts, MostKeys / kept) * kept;
        return (sums, lists, (sums * sizeof(float)) + ((lists + merged) * sizeof(ulong)));
    }

    /// <summary>The largest of a part: a block for a row and a part of it.</summary>
    /// <param name="lists">[row][part][kept] receives keys.</param>
    /// <param name="sums">[row][part][2] receives the part's maximum and Σ exp(logit − maximum).</param>
    /// <param name="logits">[row][stride/4].</param>
    /// <param name="vocabulary">Logits of a row.</param>
    /// <param name="stride">Fours from a row to the next.</param>
    /// <param name="kept">Keys to keep: a power of two up to <see cref="Part"/>.</param>
    public static void Begin(ArrayView<ulong> lists, ArrayView<float> sums, ArrayView<Float4> logits, int vocabulary, int stride, int kept)
    {
        ArrayView<ulong> keys = SharedMemory.Allocate<ulong>(Part);
        ArrayView<float> shared = SharedMemory.Allocate<float>(Reducing.MostWarps);
        int thread = Group.IdxX;
        int first = (Grid.IdxY * Part) + (4 * thread);
        Float4 four = default;
        if (first < vocabulary)
        {
            four = logits[((long)Grid.IdxX * stride) + (first >> 2)];
        }

        // Places do not matter before sorting: those of one component lie next to each other, so that banks do not meet.
        keys[thread] = Key(four.X, first, vocabulary);
        keys[thread + Threads] = Key(four.Y, first + 1, vocabulary);
        keys[thread + (2 * Threads)] = Key(four.Z, first + 2, vocabulary);
        keys[thread + (3 * Threads)] = Key(four.W, first + 3, vocabulary);
        float x = first < vocabulary ? four.X : float.NegativeInfinity;
        float y = first + 1 < vocabulary ? four.Y : float.NegativeInfinity;
        float z = first + 2 < vocabulary ? four.Z : float.NegativeInfinity;
        float w = first + 3 < vocabulary ? four.W : float.NegativeInfinity;
        float max = Reducing.BlockMax(MathF.Max(MathF.Max(x, y), MathF.Max(z, w)), shared);
        float from = max > float.NegativeInfinity ? max : 0;
        float sum = (Elementary.ExpOfNegative(x - from) + Elementary.ExpOfNegative(y - from))
            + (Elementary.ExpOfNegative(z - from) + Elementary.ExpOfNegative(w - from));
        sum = Reducing.BlockSum(sum, shared);
        long list = ((long)Grid.IdxX * Grid.DimY) + Grid.IdxY;
        if (thread == 0)
        {
            sums[2 * list] = max;
            sums[(2 * list) + 1] = sum;
        }

        for (int size = 2; size <= kept; size <<= 1)
        {
            SortRuns(keys, Part, size, kept);
        }

        Narrow(keys, Part, kept);
        for (int i = thread; i < kept; i += Threads)
        {
            lists[(list * kept) + i] = keys[i];
        }
    }

    /// <summary>The largest of several lists: a block for a row and some of its lists.</summary>
    /// <param name="merged">[row][block][1 &lt;&lt; keptBits] receives keys.</param>
    /// <param name="top">[row][topStride] receives logits, ids and log-probabilities, in place of keys; empty until one block a row is enough.</param>
    /// <param name="lists">[row][list][1 &lt;&lt; keptBits].</param>
    /// <param name="sums">What <see cref="Begin"/> left.</param>
    /// <param name="count">Lists of a row.</param>
    /// <param name="width">Lists a block takes: a power of two.</param>
    /// <param name="keptBits">The logarithm of a list's keys.</param>
    /// <param name="parts">Sums of a row.</param>
    /// <param name="wanted">Logits to write.</param>
    /// <param name="topStride">From a row of top to the next.</param>
    public static void Merge(
        ArrayView<ulong> merged, ArrayView<float> top, ArrayView<ulong> lists, ArrayView<float> sums,
        int count, int width, int keptBits, int parts, int wanted, int topStride)
    {
        ArrayView<ulong> keys = SharedMemory.Allocate<ulong>(MostKeys);
        ArrayView<float> facts = SharedMemory.Allocate<float>(2);
        int thread = Group.IdxX;
        int kept = 1 << keptBits;
        int all = width << keptBits;
        for (int i = thread; i < all; i += MergeThreads)
        {
            // Lists rise: those of the upper half are turned round.
            int list = (Grid.IdxY * width) + (i >> keptBits);
            int place = i & (kept - 1);
            place = i >= (all >> 1) && width > 1 ? kept - 1 - place : place;
            ulong key = ulong.MaxValue;
            if (list < count)
            {
                key = lists[((((long)Grid.IdxX * count) + list) << keptBits) + place];
            }

            keys[i] = key;
        }

        Narrow(keys, all, kept);
        if (top.Length == 0)
        {
            long at = (((long)Grid.IdxX * Grid.DimY) + Grid.IdxY) << keptBits;
            for (int i = thread; i < kept; i += MergeThreads)
            {
                merged[at + i] = keys[i];
            }
        }
        else
        {
            if (thread < 32)
            {
                AddUp(facts, sums, parts);
            }

            Group.Barrier();
            float max = facts[0];
            float log = facts[1];
            bool known = log >= 0;
            long at = (long)Grid.IdxX * topStride;
            for (int i = thread; i < wanted; i += MergeThreads)
            {
                float logit = Logit(keys[i]);
                top[at + i] = known ? logit : float.NaN;
                top[at + wanted + i] = known ? (float)(uint)keys[i] : float.NaN;
                top[at + (2 * wanted) + i] = known ? logit - max - log : float.NaN;
            }
        }
    }

    // The row's maximum and ln Σ exp(logit − maximum) ≥ 0, or NaN; by one warp.
    private static void AddUp(ArrayView<float> facts, ArrayView<float> sums, int parts)
    {
        long at = (long)Grid.IdxX * parts;
        float max = float.NegativeInfinity;
        for (int part = Group.IdxX; part < parts; part += 32)
        {
            max = MathF.Max(max, sums[2 * (at + part)]);
        }

        max = Reducing.WarpMax(max);
        float sum = 0;
        for (int part = Group.IdxX; part < parts; part += 32)
        {
            float own = sums[2 * (at + part)];
            sum += sums[(2 * (at + part)) + 1] * Elementary.ExpOfNegative(own > float.NegativeInfinity ? own - max : 0);
        }

        sum = Reducing.WarpSum(sum);
        if (Group.IdxX == 0)
        {
            facts[0] = max;
            facts[1] = max > float.NegativeInfinity ? Elementary.Log(sum) : float.NaN;
        }
    }

    // Bitonic runs of `size` keys become sorted, of rising and falling ones in turn; runs of `kept` as Narrow wants them.
    private static void SortRuns(ArrayView<ulong> keys, int count, int size, int kept)
    {
        for (int step = size >> 1; step > 0; step >>= 1)
        {
            Group.Barrier();
            for (int pair = Group.IdxX; pair < count >> 1; pair += Group.DimX)
            {
                int low = (2 * pair) - (pair & (step - 1));
                bool falling = size < kept ? (low & size) != 0 : count > kept && low >= (count >> 1);
                ulong a = keys[low];
                ulong b = keys[low + step];
                if ((a > b) != falling)
                {
                    keys[low] = b;
                    keys[low + step] = a;
                }
            }
        }
    }

    // Of sorted runs of `kept` keys, the upper half of them falling, to the smallest `kept` of all, rising.
    private static void Narrow(ArrayView<ulong> keys, int count, int kept)
    {
        while (count > kept)
        {
            count >>= 1;
            Group.Barrier();
            for (int i = Group.IdxX; i < count; i += Group.DimX)
            {
                ulong other = keys[count + i];
                if (other < keys[i])
                {
                    keys[i] = other;
                }
            }

            SortRuns(keys, count, kept, kept);
        }

        Group.Barrier();
    }

    private static ulong Key(float logit, int id, int vocabulary)
    {
        // −0 is 0.
        uint bits = Interop.FloatAsInt(logit == 0 ? 0f : logit);
        uint rising = (bits >> 31) != 0 ? ~bits : bits | 0x80000000;
        return id < vocabulary ? ((ulong)~rising << 32) | (uint)id : ulong.MaxValue;
    }

    private static float Logit(ulong key)
    {
        uint rising = ~(uint)(key >> 32);
        return Interop.IntAsFloat((rising >> 31) != 0 ? rising & 0x7FFFFFFF : ~rising);
    }
}
