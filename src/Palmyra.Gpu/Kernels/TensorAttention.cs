using ILGPU;
using ILGPU.Runtime.Cuda;
using Palmyra.Backends;

namespace Palmyra.Gpu.Kernels;

// y = Σⱼ softmaxⱼ(scale·q·kⱼ)·vⱼ for sequences with several new tokens, on tensor cores: FlashAttention-2 (Dao, arXiv:2307.08691). 64
// queries of one sequence and head a block, four warps of 16 queries each; keys in tiles of 64, or of 32 where heads are wide; the softmax
// online.
//
// Numbers. mma.sync multiplies halves exactly and adds to 32-bit sums; so queries, keys, values and the softmax's exponentials are rounded
// to 11 bits, an error of up to 2^-11 of each. All else is in 32-bit floats and off by parts of 2^-22: sums, and exponentials before they
// are rounded, which are the hardware's approximation, the one of all kernels.
//   queries       times scale, then times the power of two that takes the row's largest to 2^14 .. 2^15, as GemmRows does: a score is multiplied
//                 by it backwards, so that it changes nothing but that no query leaves a half's range
//   keys, values  of an F16 cache are halves already; F32 and Q8 (times its scale) are rounded. Below 2^-14 the error is up to 2^-25
//   exponentials  times 2^15, which the sums have too: those below 2^-29 of the largest are off by up to 2^-40 of it. Their sum is made of the
//                 rounded ones, by a product with ones: so weights sum to one, and it costs four operations a tile and no exchange
// A key beyond 65,504, an infinity or a NaN (which 0 times makes NaN for queries that do not see it) cannot be told apart afterwards. So a
// block that has met a key that is too large, or whose results are not all finite, does its queries over in 32-bit floats: PlainAttention.
// That is slow and right; a model that others run in float16 does not meet it.
//
// Shared memory, dynamic, rows of Size halves (64, 128 or 256):
//
//   queries [64]   keys [Keys]   values [Keys]     in the end, over all of it: sums [64][Size + 8] floats
//
// A row is one or more runs of 128 bytes, all 32 banks; piece p (16 bytes, eight numbers) of row r lies at place p ^ (r % 8). So the eight
// rows whose piece p one pass of ldmatrix reads lie in eight different places; and the eight pieces of a row that a quarter of a warp
// writes do too.
//
//   r 0: 0 1 2 3 4 5 6 7     The next 16 numbers, two pieces on, are where the first are with bits 5 and up turned, whatever the row: one xor.
//   r 1: 1 0 3 2 5 4 7 6     The eight floats behind each row of sums move the next row by 8 banks, so that pairs of four rows, which half a
//   r 2: 2 3 0 1 6 7 4 5     warp stores, do not meet; the first two hold the row's sum and what was added to its exponents.
//
// A tile: wait for the keys, barrier; bring the values; scores, softmax; wait for the values, barrier; bring the next tile's keys; sums of
// values. So each barrier frees what the step behind it overwrites. An F16 cache is brought by asynchronous copies, the values while scores
// are made and the next keys while values are summed. F32 and Q8 have to pass through registers to become halves; to load them a step early
// would take 32 to 64 registers that wide heads do not have, so a warp waits for them, four loads at a time, while other blocks of the
// multiprocessor multiply. Where a tile's keys lie in the cache (and their scales) is asked for one tile ahead, before the scores, and put
// behind them into one of two lists, so that nobody waits for it.
//
// Tails: keys beyond the last are the last one again and not seen. Queries beyond the last are zeros, see what the last one sees and are
// not written; warps with no others only help to bring. Dimensions end in zeros up to sixteen, and steps beyond are left out. A tile that
// no query of the block sees is not brought; one that no query of a warp sees, behind its last or before its window, costs the warp nothing
// more; only tiles on the border of what is seen are masked.
//
// Order of additions: a score is the hardware's over 16 dimensions, then by 16 ascending. Sums over keys are the hardware's over 16 keys,
// then by 16 ascending, scaled down at each tile whose maximum is larger. So a row's bits depend on where its sequence's new tokens begin,
// which with a window says where tiles of keys do, and on the other queries of its block, which one strange key or result of any sends to
// PlainAttention; but neither on other sequences of the batch nor on timing.
//
// Per tile of 64 keys, D numbers a head: a block reads 256·D bytes of an F16 cache (F32 512·D, Q8 128·D), mostly from the level-2 cache,
// for 4·64·64·D operations; a warp makes D + 4 mma and 9·D/16 ldmatrix, a lane some 150 + D/2 other instructions, 96 more where the tile is
// masked and 2·D where numbers are rounded.
//
// Nothing here has been timed, assembled by NVIDIA's assembler or run on a GPU. Registers by count, those that live at a time: scores and
// sums of values 32 + 32 (heads of up to 64), 32 + 64 (128) or 16 + 128 (256); operands 12; maxima, sums, factors, places 16; and some 25
// of ILGPU's own: about 120, 150 and 200 of 255. Shared memory: 24, 48 and 66 KB, and 1.5. To be tried on a device first: 128 queries a
// block, which halves what is converted; queries kept in registers for heads of 64; sums that are not scaled down where no maximum of the
// warp changed.
internal static class TensorAttention
{
    public const int Threads = 128;

    /// <summary>Queries of a block.</summary>
    public const int Queries = 64;

    // Queries of a warp.
    private const int Rows = 16;

    // Floats behind a row of sums.
    private const int Gap = 8;

    private const float LargestHalf = 65504;
    private const float Log2E = 1.44269504f;
    private const float Ln2 = 0.693147181f;

    /// <summary>The kernel for a cache and the shared memory of its blocks.</summary>
    internal static (Delegate Kernel, int SharedBytes) Kernel<TTile>(CacheFormat format)
        where TTile : struct, IAttentionTile
    {
        Delegate kernel = format switch
        {
            CacheFormat.F32 => Prefill<TTile, F32Numbers, Float4>,
            CacheFormat.F16 => Prefill<TTile, F16Numbers, Word4>,
            _ => Prefill<TTile, Q8Numbers, Word2>,
        };
        return (kernel, Math.Max((Queries + (2 * TTile.Keys)) * TTile.Size * 2, Queries * (TTile.Size + Gap) * sizeof(float)));
    }

    /// <summary>
    /// The kernel. Parameters are those of <see cref="PrefillAttention.Prefill"/>, with tiles of <see cref="Queries"/> queries, and the
    /// address of the layer's numbers, from which halves are copied.
    /// </summary>
    public static void Prefill<TTile, TNumbers, TPiece>(
        ArrayView<float> y, ArrayView<float> logSum, ArrayView<float> qkv, ArrayView<TPiece> numbers, ArrayView<float> scales,
        ArrayView<int> tiles, ArrayView<int> tokens, ArrayView<int> firstPages, ArrayView<int> pages,
        int headDim, int pageSize, int window, float scale, int stride, int queryStride, int logStride, long address)
        where TTile : struct, IAttentionTile
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        ArrayView<float> memory = SharedMemory.GetDynamic<float>();

        // Of two tiles: where keys lie in the cache, their scales, their values' scales.
        ArrayView<int> keyRows = SharedMemory.Allocate<int>(2 * 64);
        ArrayView<float> keyScales = SharedMemory.Allocate<float>(2 * 64);
        ArrayView<float> valueScales = SharedMemory.Allocate<float>(2 * 64);
        int lane = Group.IdxX & 31;
        int warp = Group.IdxX >> 5;

        // The last tiles of a prompt see most keys: they begin first.
        int tile = Grid.DimX - 1 - Grid.IdxX;
        int firstRow = tiles[2 * tile];
        int rows = tiles[(2 * tile) + 1];
        int firstToken = tokens[firstRow];
        int lastToken = firstToken + rows - 1;
        int list = firstPages[firstRow];
        int steps = (headDim + 15) >> 4;
        int query0 = warp * Rows;
        TTile.Declare();

        // Queries g and g + 8 of the warp are the lane's; what their scores are to be multiplied by.
        float factor = 0;
        float farFactor = 0;
        for (int i = 0; i < Rows / 2; i += 2)
        {
            // Four are asked for before the first is waited for.
            int query = query0 + i;
            Float8 a = ReadQuery(qkv, firstRow, query, rows, queryStride, headDim);
            Float8 b = ReadQuery(qkv, firstRow, query + 8, rows, queryStride, headDim);
            Float8 c = ReadQuery(qkv, firstRow, query + 1, rows, queryStride, headDim);
            Float8 d = ReadQuery(qkv, firstRow, query + 9, rows, queryStride, headDim);
            float inverse = StoreQuery<TTile>(a * scale, query, steps);
            float farInverse = StoreQuery<TTile>(b * scale, query + 8, steps);
            float nextInverse = StoreQuery<TTile>(c * scale, query + 1, steps);
            float nextFarInverse = StoreQuery<TTile>(d * scale, query + 9, steps);
            bool isNext = (lane >> 2) == i + 1;
            bool isOwn = (lane >> 2) == i;
            factor = isOwn ? inverse : isNext ? nextInverse : factor;
            farFactor = isOwn ? farInverse : isNext ? nextFarInverse : farFactor;
        }

        uint keysAt = (uint)(Queries * TTile.Size * 2);
        uint valuesAt = keysAt + (uint)(TTile.Keys * TTile.Size * 2);
        CudaAsm.Emit(
            TensorAttentionText.Keep,
            RowAt<TTile>(query0 + (lane & 15)),
            keysAt + RowAt<TTile>((lane & 7) + ((lane >> 4) << 3)),
            valuesAt + RowAt<TTile>(lane & 15),
            factor,
            farFactor);
        uint turn = (uint)(((lane >> 4) ^ (lane & 7)) << 4);
        uint keyTurn = (uint)((((lane >> 3) & 1) ^ (lane & 7)) << 4);

        // The first and the last token of the warp's queries, and the first that its first one sees.
        int warpFirst = firstToken + query0;
        int warpLast = IntrinsicMath.Min(warpFirst + Rows - 1, lastToken);
        int farthest = window > 0 ? window : int.MaxValue;
        int start = window > 0 ? IntrinsicMath.Max(0, firstToken - window + 1) : 0;

        // Where a tile's keys begin in the lists: at 0 and at 64 by turns.
        int stage = 0;
        int valuesFrom = Grid.DimY * pageSize;
        int keyRow = KeyRow(pages, list, IntrinsicMath.Min(start + Group.IdxX, lastToken), pageSize);
        float keyScale = TNumbers.Scaled ? scales[keyRow] : 0;
        float valueScale = TNumbers.Scaled ? scales[keyRow + valuesFrom] : 0;
        Keep<TTile, TNumbers, TPiece>(keyRows, keyScales, valueScales, keyRow, keyScale, valueScale, stage);
        Group.Barrier();
        float largest = Bring<TTile, TNumbers, TPiece>(numbers, keyRows, keyScales, stage, keysAt, headDim, steps, 0, address);
        for (int first = start; first <= lastToken; first += TTile.Keys)
        {
            if (TNumbers.IsHalf)
            {
                CudaAsm.Emit(TensorAttentionText.WaitForAll);
            }

            Group.Barrier();

            // Where the next tile's keys lie is asked for here, their scales behind the values, and both are kept behind the scores. After
            // the last tile it is the last key again.
            int next = first + TTile.Keys;
            keyRow = KeyRow(pages, list, IntrinsicMath.Min(next + Group.IdxX, lastToken), pageSize);
            Bring<TTile, TNumbers, TPiece>(numbers, keyRows, valueScales, stage, valuesAt, headDim, steps, valuesFrom, address);
            if (TNumbers.Scaled)
            {
                keyScale = scales[keyRow];
                valueScale = scales[keyRow + valuesFrom];
            }

            bool isSeen = query0 < rows && first <= warpLast && warpFirst - (next - 1) < farthest;
            if (isSeen)
            {
                // Lanes had different things to bring; ldmatrix and mma are for a whole warp.
                Warp.Barrier();
                TTile.ClearScores();
                for (int step = 0; step < steps; step++)
                {
                    CudaAsm.Emit(TensorAttentionText.FetchQueries, (uint)(step << 5) ^ turn);
                    TTile.AddScores((uint)(step << 5) ^ keyTurn);
                }

                if (next - 1 > warpFirst || warpLast - first >= farthest)
                {
                    int before = first + ((lane & 3) << 1);
                    int token = warpFirst + (lane >> 2);
                    TTile.Mask(IntrinsicMath.Min(token, lastToken) - before, IntrinsicMath.Min(token + 8, lastToken) - before, (uint)farthest);
                }

                TTile.Exponentiate();
            }

            stage ^= 64;
            Keep<TTile, TNumbers, TPiece>(keyRows, keyScales, valueScales, keyRow, keyScale, valueScale, stage);
            if (TNumbers.IsHalf)
            {
                CudaAsm.Emit(TensorAttentionText.WaitForAll);
            }

            Group.Barrier();
            if (next <= lastToken)
            {
                largest = IntrinsicMath.Max(
                    largest, Bring<TTile, TNumbers, TPiece>(numbers, keyRows, keyScales, stage, keysAt, headDim, steps, 0, address));
            }

            if (isSeen)
            {
                Warp.Barrier();
                TTile.AddValues(turn, steps);
            }
        }

        // Sums take the tiles' place when all warps have read them.
        Group.Barrier();
        int pitch = TTile.Size + Gap;
        uint place = (uint)((query0 + (lane >> 2)) * pitch * sizeof(float));
        uint eight = (uint)(8 * pitch * sizeof(float));
        TTile.Store(place + (uint)((lane & 3) << 3), eight, steps);
        if ((lane & 3) == 0)
        {
            place += (uint)(TTile.Size * sizeof(float));
            CudaAsm.Emit(TensorAttentionText.StoreSums, place, place + eight);
        }

        Group.Barrier();
        bool isStrange = largest > LargestHalf;
        int end = IntrinsicMath.Min(rows, query0 + Rows);
        for (int query = query0; query < end; query++)
        {
            long at = ((long)(firstRow + query) * stride) + (Grid.IdxY * headDim);
            float sum = memory[(query * pitch) + TTile.Size];
            float inverse = 1 / sum;
            for (int d = lane; d < headDim; d += 32)
            {
                float value = memory[(query * pitch) + d] * inverse;
                isStrange = isStrange || !(MathF.Abs(value) <= float.MaxValue);
                y[at + d] = value;
            }

            if (logSum.Length > 0 && lane == 0)
            {
                float added = memory[(query * pitch) + TTile.Size + 1];
                logSum[((long)(firstRow + query) * logStride) + Grid.IdxY] = Elementary.Log(sum) - (added * Ln2);
            }
        }

        if (Group.BarrierOr(isStrange))
        {
            for (int query = query0; query < end; query++)
            {
                PlainAttention.Attend<TNumbers, TPiece>(
                    y, logSum, qkv, numbers, scales, pages, list, firstRow + query, firstToken + query, headDim, pageSize, window, scale, stride,
                    queryStride, logStride);
            }
        }
    }

    // The lane's eight numbers of a query; zeros beyond the last.
    private static Float8 ReadQuery(ArrayView<float> qkv, int firstRow, int query, int rows, int queryStride, int headDim)
    {
        int at = 8 * (Group.IdxX & 31);
        Float8 eight = default;
        if (query < rows && at < headDim)
        {
            eight = Caching.Read(qkv, ((long)(firstRow + query) * queryStride) + (Grid.IdxY * headDim), at, headDim);
        }

        return eight;
    }

    // A query to shared memory, rounded, by its warp; a lane has eight numbers of it. Returns what takes its scores back, times log₂ e.
    private static float StoreQuery<TTile>(Float8 eight, int query, int steps)
        where TTile : struct, IAttentionTile
    {
        int lane = Group.IdxX & 31;
        float largest = Reducing.WarpMax(Largest(eight));

        // As GemmRows has it.
        int exponent = (int)(Interop.FloatAsInt(largest) >> 23);
        int power = IntrinsicMath.Min(127 + 14 + 127 - exponent, 253);
        if (lane < 2 * steps)
        {
            StoreHalves<TTile>(0, query, lane, eight * Interop.IntAsFloat((uint)power << 23));
        }

        return Interop.IntAsFloat((uint)(254 - power) << 23) * Log2E;
    }

    // Where a key lies in the cache.
    private static int KeyRow(ArrayView<int> pages, int list, int token, int pageSize) =>
        (((Caching.PageOf(pages, list, token / pageSize) * 2 * Grid.DimY) + Grid.IdxY) * pageSize) + (token % pageSize);

    // The thread's key of a tile to the lists, from stage on.
    private static void Keep<TTile, TNumbers, TPiece>(
        ArrayView<int> keyRows, ArrayView<float> keyScales, ArrayView<float> valueScales, int keyRow, float keyScale, float valueScale,
        int stage)
        where TTile : struct, IAttentionTile
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        if (Group.IdxX < TTile.Keys)
        {
            keyRows[stage + Group.IdxX] = keyRow;
            if (TNumbers.Scaled)
            {
                keyScales[stage + Group.IdxX] = keyScale;
                valueScales[stage + Group.IdxX] = valueScale;
            }
        }
    }

    // A tile of keys or values to shared memory: begins its copies, or rounds it. Returns the largest magnitude that the thread rounded,
    // NaN left out.
    private static float Bring<TTile, TNumbers, TPiece>(
        ArrayView<TPiece> numbers, ArrayView<int> keyRows, ArrayView<float> scales, int stage, uint to, int headDim, int steps, int from,
        long address)
        where TTile : struct, IAttentionTile
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        // A thread has one piece of every so manyth key.
        int apart = Threads * 8 / TTile.Size;
        int piece = Group.IdxX & ((TTile.Size / 8) - 1);
        int eights = (headDim + 7) >> 3;
        float largest = 0;
        if (piece < 2 * steps)
        {
            for (int key = Group.IdxX / (TTile.Size / 8); key < TTile.Keys; key += 4 * apart)
            {
                if (TNumbers.IsHalf)
                {
                    Copy<TTile>(keyRows, stage, to, key, piece, eights, from, address);
                    Copy<TTile>(keyRows, stage, to, key + apart, piece, eights, from, address);
                    Copy<TTile>(keyRows, stage, to, key + (2 * apart), piece, eights, from, address);
                    Copy<TTile>(keyRows, stage, to, key + (3 * apart), piece, eights, from, address);
                }
                else
                {
                    Float8 a = Load<TNumbers, TPiece>(numbers, keyRows, scales, stage + key, piece, eights, from);
                    Float8 b = Load<TNumbers, TPiece>(numbers, keyRows, scales, stage + key + apart, piece, eights, from);
                    Float8 c = Load<TNumbers, TPiece>(numbers, keyRows, scales, stage + key + (2 * apart), piece, eights, from);
                    Float8 d = Load<TNumbers, TPiece>(numbers, keyRows, scales, stage + key + (3 * apart), piece, eights, from);
                    StoreHalves<TTile>(to, key, piece, a);
                    StoreHalves<TTile>(to, key + apart, piece, b);
                    StoreHalves<TTile>(to, key + (2 * apart), piece, c);
                    StoreHalves<TTile>(to, key + (3 * apart), piece, d);
                    largest = IntrinsicMath.Max(largest, IntrinsicMath.Max(Largest(a), Largest(b)));
                    largest = IntrinsicMath.Max(largest, IntrinsicMath.Max(Largest(c), Largest(d)));
                }
            }
        }

        return largest;
    }

    private static void Copy<TTile>(ArrayView<int> keyRows, int stage, uint to, int key, int piece, int eights, int from, long address)
        where TTile : struct, IAttentionTile
    {
        long at = ((long)(keyRows[stage + key] + from) * eights) + piece;
        CudaAsm.Emit(TensorAttentionText.Copy, to + Place<TTile>(key, piece), address + (at << 4), piece < eights ? 16 : 0);
    }

    private static Float8 Load<TNumbers, TPiece>(
        ArrayView<TPiece> numbers, ArrayView<int> keyRows, ArrayView<float> scales, int key, int piece, int eights, int from)
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        Float8 read = default;
        if (piece < eights)
        {
            read = TNumbers.Load(numbers, ((long)(keyRows[key] + from) * eights) + piece);
            if (TNumbers.Scaled)
            {
                read *= scales[key];
            }
        }

        return read;
    }

    private static void StoreHalves<TTile>(uint to, int row, int piece, Float8 eight)
        where TTile : struct, IAttentionTile => CudaAsm.Emit(
            TensorAttentionText.StoreHalves, to + Place<TTile>(row, piece),
            eight.A.X, eight.A.Y, eight.A.Z, eight.A.W, eight.B.X, eight.B.Y, eight.B.Z, eight.B.W);

    private static float Largest(Float8 eight) => IntrinsicMath.Max(Largest(eight.A), Largest(eight.B));

    private static float Largest(Float4 four) => IntrinsicMath.Max(
        IntrinsicMath.Max(MathF.Abs(four.X), MathF.Abs(four.Y)), IntrinsicMath.Max(MathF.Abs(four.Z), MathF.Abs(four.W)));

    private static uint RowAt<TTile>(int row)
        where TTile : struct, IAttentionTile => (uint)(row * TTile.Size * 2);

    // Where a piece of a row lies among rows of halves.
    private static uint Place<TTile>(int row, int piece)
        where TTile : struct, IAttentionTile => RowAt<TTile>(row) + (uint)((piece ^ (row & 7)) << 4);
}
