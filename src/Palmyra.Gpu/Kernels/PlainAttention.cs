using ILGPU;

namespace Palmyra.Gpu.Kernels;

// Attention of one query and head by one warp, in 32-bit floats: what TensorAttention falls back to where 16 bits would not do. Nothing
// about it is fast.
//
// A lane makes the score of every 32nd key, as one chain over dimensions; the softmax is online, 32 keys at a time. Then a lane owns eight
// dimensions and adds up the 32 keys' values in order, those of no weight left out.
internal static class PlainAttention
{
    /// <summary>Attends; all parameters are the same in all lanes.</summary>
    /// <param name="y">Results.</param>
    /// <param name="logSum">Receives max + ln Σ; may be empty.</param>
    /// <param name="qkv">The queries' rows.</param>
    /// <param name="numbers">The layer's numbers.</param>
    /// <param name="scales">The layer's scales.</param>
    /// <param name="pages">Page lists, or empty.</param>
    /// <param name="list">Where the sequence's list starts, or its first page.</param>
    /// <param name="row">The query's row.</param>
    /// <param name="token">Its token within the sequence.</param>
    /// <param name="headDim">Numbers of a head, up to 256.</param>
    /// <param name="pageSize">Tokens of a page.</param>
    /// <param name="window">How far back a query sees; 0 for all.</param>
    /// <param name="scale">On q·k.</param>
    /// <param name="stride">From a row of y to the next.</param>
    /// <param name="queryStride">From a row of qkv to the next.</param>
    /// <param name="logStride">From a row of logSum to the next.</param>
    public static void Attend<TNumbers, TPiece>(
        ArrayView<float> y, ArrayView<float> logSum, ArrayView<float> qkv, ArrayView<TPiece> numbers, ArrayView<float> scales,
        ArrayView<int> pages, int list, int row, int token, int headDim, int pageSize, int window, float scale, int stride, int queryStride,
        int logStride)
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        int lane = Group.IdxX & 31;
        int head = Grid.IdxY;
        int eights = (headDim + 7) >> 3;
        int valuesFrom = Grid.DimY * pageSize;
        long query = ((long)row * queryStride) + (head * headDim);
        int start = window > 0 ? IntrinsicMath.Max(0, token - window + 1) : 0;
        Softmax softmax = Softmax.Empty;
        for (int first = start; first <= token; first += 32)
        {
            int key = IntrinsicMath.Min(first + lane, token);
            int page = Caching.PageOf(pages, list, key / pageSize);
            int keyRow = (((page * 2 * Grid.DimY) + head) * pageSize) + (key % pageSize);
            float score = 0;
            for (int eight = 0; eight < eights; eight++)
            {
                Float8 eightOfQuery = Caching.Read(qkv, query, 8 * eight, headDim) * scale;
                score = Float8.Dot(TNumbers.Load(numbers, ((long)keyRow * eights) + eight), eightOfQuery, score);
            }

            if (TNumbers.Scaled)
            {
                score *= scales[keyRow];
            }

            softmax = Softmax.Add(softmax, first + lane <= token ? score : float.NegativeInfinity);
            int keys = IntrinsicMath.Min(32, token - first + 1);
            for (int i = 0; i < keys; i++)
            {
                float weight = Warp.Shuffle(softmax.Weight, i);
                int valueRow = Warp.Shuffle(keyRow, i) + valuesFrom;
                if (weight != 0 && lane < eights)
                {
                    if (TNumbers.Scaled)
                    {
                        weight *= scales[valueRow];
                    }

                    Float8 values = TNumbers.Load(numbers, ((long)valueRow * eights) + lane);
                    softmax.Near = Float4.MultiplyAdd(values.A, weight, softmax.Near);
                    softmax.Far = Float4.MultiplyAdd(values.B, weight, softmax.Far);
                }
            }
        }

        long at = ((long)row * stride) + (head * headDim);
        float inverse = 1 / softmax.Sum;
        Caching.Write(y, at, 8 * lane, headDim, softmax.Near * inverse);
        Caching.Write(y, at, (8 * lane) + 4, headDim, softmax.Far * inverse);
        if (logSum.Length > 0 && lane == 0)
        {
            logSum[((long)row * logStride) + head] = softmax.Max + Elementary.Log(softmax.Sum);
        }
    }
}
