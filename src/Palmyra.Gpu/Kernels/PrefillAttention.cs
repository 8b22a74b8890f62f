using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = Σⱼ softmaxⱼ(scale·q·kⱼ)·vⱼ for sequences with several new tokens, in 32-bit floats: where products are exact (GemmPrecision.Exact).
// TensorAttention is what runs otherwise, and this is what it is to come close to. Sixteen queries of one sequence and head a block, keys
// in tiles of 32, the softmax online (Milakov and Gimelshein, arXiv:1805.02867), so nothing is kept per query and key.
//
// Four warps, each four of the queries. Per tile: (1) the tile's keys go to shared memory as floats; (2) lane j takes key j and makes its
// products with the warp's four queries, sixteen multiply-adds for five loads of 16 bytes; (3) maxima and sums over the lanes, the sums so
// far scaled down to the new maximum; (4) the tile's values take the keys' place; (5) lanes now own dimensions, four (and four more, 128
// on) each, and add up values times probabilities, which come from shared memory, four queries in one load.
// Shared memory, in pieces of 16 bytes, dynamic: queries [16][pieces + 1], tile [32][pieces + 1], probabilities [warp][32]. With an even number
// of pieces a row and one more, eight lanes that read the same piece of eight keys fall into different banks.
// Additions: a score is one chain over dimensions; sums over keys go lane by lane in a butterfly, tile by tile in order; a value is one chain
// over keys in order, those of no weight left out. Tails: keys beyond the last are zeros and invisible, queries beyond the last see nothing
// and are not written, dimensions end in zeros up to eight.
// Bytes: keys and values are read once for every sixteen queries, mostly from the second-level cache.
internal static class PrefillAttention
{
    public const int Threads = 128;

    /// <summary>Queries of a block.</summary>
    public const int Queries = 16;

    private const int Keys = 32;

    /// <summary>Dynamic shared memory of a block.</summary>
    public static int SharedBytes(int headDim) => (((Queries + Keys) * (((headDim + 7) / 8 * 2) + 1)) + (4 * Keys)) * 16;

    /// <summary>The kernel.</summary>
    /// <param name="y">Results.</param>
    /// <param name="logSum">Receives max + ln Σ; may be empty.</param>
    /// <param name="qkv">The queries' rows.</param>
    /// <param name="numbers">The layer's numbers.</param>
    /// <param name="scales">The layer's scales.</param>
    /// <param name="tiles">Two for each block: its first row and its number of rows.</param>
    /// <param name="tokens">For each row its token within the sequence.</param>
    /// <param name="firstPages">For each row where its page list starts, or its first page.</param>
    /// <param name="pages">Page lists, or empty.</param>
    /// <param name="headDim">Numbers of a head.</param>
    /// <param name="pageSize">Tokens of a page.</param>
    /// <param name="window">How far back a query sees; 0 for all.</param>
    /// <param name="scale">On q·k.</param>
    /// <param name="stride">From a row of y to the next.</param>
    /// <param name="queryStride">From a row of qkv to the next.</param>
    /// <param name="logStride">From a row of logSum to the next.</param>
    public static void Prefill<TNumbers, TPiece>(
        ArrayView<float> y, ArrayView<float> logSum, ArrayView<float> qkv, ArrayView<TPiece> numbers, ArrayView<float> scales,
        ArrayView<int> tiles, ArrayView<int> tokens, ArrayView<int> firstPages, ArrayView<int> pages,
        int headDim, int pageSize, int window, float scale, int stride, int queryStride, int logStride)
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        ArrayView<Float4> memory = SharedMemory.GetDynamic<Float4>();
        ArrayView<int> keyRows = SharedMemory.Allocate<int>(Keys);
        ArrayView<float> keyScales = SharedMemory.Allocate<float>(Keys);
        ArrayView<float> valueScales = SharedMemory.Allocate<float>(Keys);
        int thread = Group.IdxX;
        int lane = thread & 31;
        int warp = thread >> 5;
        int head = Grid.IdxY;
        int eights = (headDim + 7) >> 3;
        int pieces = 2 * eights;
        int row = pieces + 1;
        int tile = Queries * row;
        int weights = (tile + (Keys * row)) + (warp * Keys);
        int firstRow = tiles[2 * Grid.IdxX];
        int rows = tiles[(2 * Grid.IdxX) + 1];
        int firstToken = tokens[firstRow];
        int lastToken = firstToken + rows - 1;
        int list = firstPages[firstRow];
        int valuesFrom = Grid.DimY * pageSize;
        for (int i = thread; i < Queries * pieces; i += Threads)
        {
            int query = i / pieces;
            int piece = i - (query * pieces);
            Float4 four = default;
            if (query < rows)
            {
                four = Caching.ReadFour(qkv, ((long)(firstRow + query) * queryStride) + (head * headDim), 4 * piece, headDim);
            }

            memory[(query * row) + piece] = four * scale;
        }

        int query0 = warp * 4;
        Softmax s0 = Softmax.Empty;
        Softmax s1 = Softmax.Empty;
        Softmax s2 = Softmax.Empty;
        Softmax s3 = Softmax.Empty;
        int start = window > 0 ? IntrinsicMath.Max(0, firstToken - window + 1) : 0;
        for (int first = start; first <= lastToken; first += Keys)
        {
            if (thread < Keys)
            {
                int token = IntrinsicMath.Min(first + thread, lastToken);
                int page = Caching.PageOf(pages, list, token / pageSize);
                int keyRow = (((page * 2 * Grid.DimY) + head) * pageSize) + (token % pageSize);
                keyRows[thread] = keyRow;
                if (TNumbers.Scaled)
                {
                    keyScales[thread] = scales[keyRow];
                    valueScales[thread] = scales[keyRow + valuesFrom];
                }
            }

            Group.Barrier();
            Load<TNumbers, TPiece>(numbers, memory, keyRows, tile, row, eights, 0, lastToken - first);
            Group.Barrier();
            float p0 = 0;
            float p1 = 0;
            float p2 = 0;
            float p3 = 0;
            for (int piece = 0; piece < pieces; piece++)
            {
                Float4 key = memory[tile + (lane * row) + piece];
                p0 = Dot(memory[(query0 * row) + piece], key, p0);
                p1 = Dot(memory[((query0 + 1) * row) + piece], key, p1);
                p2 = Dot(memory[((query0 + 2) * row) + piece], key, p2);
                p3 = Dot(memory[((query0 + 3) * row) + piece], key, p3);
            }

            float keyScale = 1;
            float valueScale = 1;
            if (TNumbers.Scaled)
            {
                keyScale = keyScales[lane];
                valueScale = valueScales[lane];
            }

            // How many tokens lie between a key and the first of the warp's queries.
            int back = firstToken + query0 - (first + lane);
            s0 = Softmax.Add(s0, Visible(p0 * keyScale, back, window, query0 < rows));
            s1 = Softmax.Add(s1, Visible(p1 * keyScale, back + 1, window, query0 + 1 < rows));
            s2 = Softmax.Add(s2, Visible(p2 * keyScale, back + 2, window, query0 + 2 < rows));
            s3 = Softmax.Add(s3, Visible(p3 * keyScale, back + 3, window, query0 + 3 < rows));
            memory[weights + lane] = new Float4
            {
                X = Scaled(s0.Weight, valueScale), Y = Scaled(s1.Weight, valueScale),
                Z = Scaled(s2.Weight, valueScale), W = Scaled(s3.Weight, valueScale),
            };
            Group.Barrier();
            Load<TNumbers, TPiece>(numbers, memory, keyRows, tile, row, eights, valuesFrom, lastToken - first);
            Group.Barrier();
            for (int key = 0; key < Keys; key++)
            {
                Float4 weight = memory[weights + key];
                int at = tile + (key * row) + lane;
                if (lane < pieces)
                {
                    Float4 value = memory[at];
                    s0.Near = Add(value, weight.X, s0.Near);
                    s1.Near = Add(value, weight.Y, s1.Near);
                    s2.Near = Add(value, weight.Z, s2.Near);
                    s3.Near = Add(value, weight.W, s3.Near);
                }

                if (lane + 32 < pieces)
                {
                    Float4 value = memory[at + 32];
                    s0.Far = Add(value, weight.X, s0.Far);
                    s1.Far = Add(value, weight.Y, s1.Far);
                    s2.Far = Add(value, weight.Z, s2.Far);
                    s3.Far = Add(value, weight.W, s3.Far);
                }
            }

            Group.Barrier();
        }

        Write(y, logSum, s0, firstRow, query0, rows, head, headDim, stride, logStride);
        Write(y, logSum, s1, firstRow, query0 + 1, rows, head, headDim, stride, logStride);
        Write(y, logSum, s2, firstRow, query0 + 2, rows, head, headDim, stride, logStride);
        Write(y, logSum, s3, firstRow, query0 + 3, rows, head, headDim, stride, logStride);
    }

    /// <summary>Brings a tile of keys or values to shared memory as floats; those beyond the last are zeros.</summary>
    private static void Load<TNumbers, TPiece>(
        ArrayView<TPiece> numbers, ArrayView<Float4> memory, ArrayView<int> keyRows, int tile, int row, int eights, int from, int last)
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        for (int i = Group.IdxX; i < Keys * eights; i += Threads)
        {
            int key = i / eights;
            int eight = i - (key * eights);
            Float8 read = default;
            if (key <= last)
            {
                read = TNumbers.Load(numbers, ((long)(keyRows[key] + from) * eights) + eight);
            }

            int at = tile + (key * row) + (2 * eight);
            memory[at] = read.A;
            memory[at + 1] = read.B;
        }
    }

    private static float Dot(Float4 a, Float4 b, float sum)
    {
        sum = (a.X * b.X) + sum;
        sum = (a.Y * b.Y) + sum;
        sum = (a.Z * b.Z) + sum;
        return (a.W * b.W) + sum;
    }

    private static float Visible(float score, int back, int window, bool exists)
    {
        bool visible = exists && back >= 0 && (window == 0 || back < window);
        return visible ? score : float.NegativeInfinity;
    }

    // A weight of 0 is a key that is not seen, or as good as none: its value may be infinite or NaN, and 0 times that is NaN.
    private static float Scaled(float weight, float valueScale) => weight == 0 ? 0 : weight * valueScale;

    private static Float4 Add(Float4 value, float weight, Float4 sum)
    {
        // The same in all lanes of the warp.
        if (weight != 0)
        {
            sum = Float4.MultiplyAdd(value, weight, sum);
        }

        return sum;
    }

    private static void Write(
        ArrayView<float> y, ArrayView<float> logSum, Softmax softmax, int firstRow, int query, int rows, int head, int headDim, int stride,
        int logStride)
    {
        if (query < rows)
        {
            long at = ((long)(firstRow + query) * stride) + (head * headDim);
            int lane = Group.IdxX & 31;
            float inverse = 1 / softmax.Sum;
            Caching.Write(y, at, 4 * lane, headDim, softmax.Near * inverse);
            Caching.Write(y, at, 128 + (4 * lane), headDim, softmax.Far * inverse);
            if (logSum.Length > 0 && lane == 0)
            {
                logSum[((long)(firstRow + query) * logStride) + head] = softmax.Max + Elementary.Log(softmax.Sum);
            }
        }
    }
}
