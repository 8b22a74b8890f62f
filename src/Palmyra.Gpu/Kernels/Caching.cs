using ILGPU;

namespace Palmyra.Gpu.Kernels;

// Keys and values into and out of one layer of a cache, which lies as GpuKvCache says: [page][keys, values][head][slot][eight of numbers].
// A warp takes one head's keys or values of one token, a lane eight numbers at a time. Numbers behind the head's last, up to a multiple of
// eight, are zero. Storing Q8 reads a head twice, the second time from the nearest cache: once for the largest magnitude.
internal static class Caching
{
    public const int Threads = 128;

    private const int Warps = Threads / 32;
    private const float SmallestNormal = 1.17549435e-38f;

    /// <summary>Stores rows.</summary>
    /// <param name="numbers">The layer's numbers.</param>
    /// <param name="scales">The layer's scales; empty where the format has none.</param>
    /// <param name="source">Rows with keys and values.</param>
    /// <param name="pages">Page lists; empty if pages are numbered through.</param>
    /// <param name="firstPages">For each row where its page list starts, or the number of its first page; empty for a page's own rows.</param>
    /// <param name="tokens">For each row its token within the sequence; empty for a page's own rows.</param>
    /// <param name="page">The page whose slots the rows are, if there are no lists.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="headDim">Numbers of a head.</param>
    /// <param name="pageSize">Tokens of a page.</param>
    /// <param name="first">Where in <paramref name="source"/> the first row's keys begin.</param>
    /// <param name="stride">From a row to the next.</param>
    /// <param name="part">From a row's keys to its values.</param>
    public static void StoreKeysValues<TNumbers, TPiece>(
        ArrayView<TPiece> numbers, ArrayView<float> scales, ArrayView<float> source, ArrayView<int> pages, ArrayView<int> firstPages,
        ArrayView<int> tokens, int page, int rows, int heads, int headDim, int pageSize, long first, int stride, int part)
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        int item = (Grid.IdxX * Warps) + (Group.IdxX >> 5);
        if (item >= rows * heads * 2)
        {
            return;
        }

        int lane = Group.IdxX & 31;
        int row = item / (2 * heads);
        int inRow = item - (row * 2 * heads);
        int values = inRow / heads;
        int head = inRow - (values * heads);
        int slot = row;
        if (tokens.Length > 0)
        {
            int token = tokens[row];
            page = PageOf(pages, firstPages[row], token / pageSize);
            slot = token % pageSize;
        }

        long to = PlaceOf(page, (values * heads) + head, heads, pageSize, slot);
        long from = first + ((long)row * stride) + ((long)values * part) + ((long)head * headDim);
        int eights = (headDim + 7) >> 3;
        float scale = 0;
        if (TNumbers.Scaled)
        {
            float largest = 0;
            float strange = 0;
            for (int d = lane; d < headDim; d += 32)
            {
                float size = MathF.Abs(source[from + d]);
                strange = size <= float.MaxValue ? strange : 1;
                largest = size > largest ? size : largest;
            }

            largest = Reducing.WarpMax(largest);
            strange = Reducing.WarpMax(strange);
            scale = (largest < 3.4e38f ? largest : 3.4e38f) / 127;
            scale = strange > 0 ? float.NaN : scale < SmallestNormal ? 0 : scale;
            if (lane == 0)
            {
                scales[to] = scale;
            }
        }

        for (int eight = lane; eight < eights; eight += 32)
        {
            TNumbers.Store(numbers, (to * eights) + eight, Read(source, from, eight * 8, headDim), scale);
        }
    }

    /// <summary>Reads a page of one layer out, as floats: keys [slot][head·numbers], then values.</summary>
    public static void ReadPage<TNumbers, TPiece>(
        ArrayView<float> destination, ArrayView<TPiece> numbers, ArrayView<float> scales, int page, int heads, int headDim, int pageSize)
        where TNumbers : struct, ICacheNumbers<TPiece>
        where TPiece : unmanaged
    {
        int item = (Grid.IdxX * Warps) + (Group.IdxX >> 5);
        if (item >= 2 * heads * pageSize)
        {
            return;
        }

        long from = ((long)page * 2 * heads * pageSize) + item;
        int slot = item % pageSize;
        int head = item / pageSize;
        int values = head / heads;
        head -= values * heads;
        long to = ((((long)values * pageSize) + slot) * heads * headDim) + (head * headDim);
        int eights = (headDim + 7) >> 3;
        for (int eight = Group.IdxX & 31; eight < eights; eight += 32)
        {
            Float8 read = TNumbers.Load(numbers, (from * eights) + eight);
            if (TNumbers.Scaled)
            {
                read *= scales[from];
            }

            Write(destination, to, eight * 8, headDim, read.A);
            Write(destination, to, (eight * 8) + 4, headDim, read.B);
        }
    }

    /// <summary>The page a token lies in.</summary>
    /// <param name="pages">Page lists, or empty.</param>
    /// <param name="first">Where the sequence's list starts, or its first page.</param>
    /// <param name="index">Which page of the sequence.</param>
    public static int PageOf(ArrayView<int> pages, int first, int index) => pages.Length > 0 ? pages[first + index] : first + index;

    /// <summary>Which of a layer's rows a head's keys or values of a token are.</summary>
    /// <param name="page">The page.</param>
    /// <param name="part">The head, or, of values, that many further than the heads.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="pageSize">Tokens of a page.</param>
    /// <param name="slot">Which token of the page.</param>
    public static long PlaceOf(int page, int part, int heads, int pageSize, int slot) => ((((long)page * 2 * heads) + part) * pageSize) + slot;

    /// <summary>Eight numbers of a head, zeros beyond its last.</summary>
    public static Float8 Read(ArrayView<float> source, long head, int d, int headDim) =>
        new() { A = ReadFour(source, head, d, headDim), B = ReadFour(source, head, d + 4, headDim) };

    /// <summary>Four numbers of a head, zeros beyond its last.</summary>
    public static Float4 ReadFour(ArrayView<float> source, long head, int d, int headDim)
    {
        Float4 four = default;
        if (d < headDim)
        {
            four.X = source[head + d];
        }

        if (d + 1 < headDim)
        {
            four.Y = source[head + d + 1];
        }

        if (d + 2 < headDim)
        {
            four.Z = source[head + d + 2];
        }

        if (d + 3 < headDim)
        {
            four.W = source[head + d + 3];
        }

        return four;
    }

    /// <summary>Writes four numbers of a head, those beyond its last left out.</summary>
    public static void Write(ArrayView<float> destination, long head, int d, int headDim, Float4 four)
    {
        if (d < headDim)
        {
            destination[head + d] = four.X;
        }

        if (d + 1 < headDim)
        {
            destination[head + d + 1] = four.Y;
        }

        if (d + 2 < headDim)
        {
            destination[head + d + 2] = four.Z;
        }

        if (d + 3 < headDim)
        {
            destination[head + d + 3] = four.W;
        }
    }
}
