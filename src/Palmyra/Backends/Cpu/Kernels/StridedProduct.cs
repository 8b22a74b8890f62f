using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// C[rows, width] += A[rows, depth] · B[depth, width] on strided rows, for the two small products of attention.
//
//   lanes   across the width: tokens for scores, a head's numbers for the weighted sum of values
//   tiles   4 rows x 2 vectors, 4 x 1, and for a lone row 4, 2 or 1 vectors: at most 16 registers at every width
//   order   c = fma(a_k, b_k, c) for k = 0 .. depth-1, starting from what C holds: as in PanelProduct, an output's bits know nothing of
//           the tile it fell in, and a product cut along the depth continues the same chain
//   B         floats, halves or 8-bit integers, widened as they are loaded: exact, so the chain is the same as on a copy in floats
//   tails   none: widths are multiples of sixteen, and a row is a row
// Cost: 2·rows·depth·width operations on data that a page keeps in the nearest cache. A lone row (decoding) reads each page once and is
// bound by memory: while it works on one page it asks for the next, which lies elsewhere. Measured: see Attending.cs.
internal static unsafe class StridedProduct
{
    private const int CacheLine = 64;

    /// <summary>Adds the product to <paramref name="c"/>.</summary>
    /// <param name="c">[rows, width].</param>
    /// <param name="cStride">Floats from a row of it to the next.</param>
    /// <param name="a">[rows, depth].</param>
    /// <param name="aStride">Floats from a row of it to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="b">[depth, width], stored as <typeparamref name="TStorage"/>.</param>
    /// <param name="bStride">Bytes from a row of it to the next.</param>
    /// <param name="width">A multiple of sixteen.</param>
    /// <param name="depth">Length of the chains.</param>
    /// <param name="next">What will be read after <paramref name="b"/>, laid out like it; only asked for, never read, so any address will do.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<T, TStorage>(
        float* c, nint cStride, float* a, nint aStride, int rows, byte* b, nint bStride, int width, nint depth, byte* next)
        where T : struct, IVector<T>
        where TStorage : struct, IStorage
    {
        int i = 0;
        for (; i + 4 <= rows; i += 4)
        {
            float* ci = c + (i * cStride);
            float* ai = a + (i * aStride);
            int j = 0;
            for (; j + (2 * T.Count) <= width; j += 2 * T.Count)
            {
                Tile4x2<T, TStorage>(ci + j, cStride, ai, aStride, b + ((nint)j * TStorage.Size), bStride, depth);
            }

            for (; j < width; j += T.Count)
            {
                Tile4x1<T, TStorage>(ci + j, cStride, ai, aStride, b + ((nint)j * TStorage.Size), bStride, depth);
            }
        }

        for (; i < rows; i++)
        {
            float* ci = c + (i * cStride);
            float* ai = a + (i * aStride);
            int j = 0;
            for (; j + (4 * T.Count) <= width; j += 4 * T.Count)
            {
                Tile1x4<T, TStorage>(ci + j, ai, b + ((nint)j * TStorage.Size), bStride, depth, next + ((nint)j * TStorage.Size));
            }

            for (; j + (2 * T.Count) <= width; j += 2 * T.Count)
            {
                Tile1x2<T, TStorage>(ci + j, cStride, ai, aStride, b + ((nint)j * TStorage.Size), bStride, depth);
            }

            for (; j < width; j += T.Count)
            {
                Tile1x1<T, TStorage>(ci + j, cStride, ai, aStride, b + ((nint)j * TStorage.Size), bStride, depth);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x2<T, TStorage>(float* c, nint cStride, float* a, nint aStride, byte* b, nint bStride, nint depth)
        where T : struct, IVector<T>
        where TStorage : struct, IStorage
    {
        int lanes = T.Count;
        int bytes = T.Count * TStorage.Size;
        T s00 = T.Load(c);
        T s01 = T.Load(c + lanes);
        T s10 = T.Load(c + cStride);
        T s11 = T.Load(c + cStride + lanes);
        T s20 = T.Load(c + (2 * cStride));
        T s21 = T.Load(c + (2 * cStride) + lanes);
        T s30 = T.Load(c + (3 * cStride));
        T s31 = T.Load(c + (3 * cStride) + lanes);
        float* a1 = a + aStride;
        float* a2 = a + (2 * aStride);
        float* a3 = a + (3 * aStride);
        for (nint k = 0; k < depth; k++)
        {
            T b0 = TStorage.Load<T>(b);
            T b1 = TStorage.Load<T>(b + bytes);
            T x = T.Create(a[k]);
            s00 = T.MultiplyAdd(x, b0, s00);
            s01 = T.MultiplyAdd(x, b1, s01);
            x = T.Create(a1[k]);
            s10 = T.MultiplyAdd(x, b0, s10);
            s11 = T.MultiplyAdd(x, b1, s11);
            x = T.Create(a2[k]);
            s20 = T.MultiplyAdd(x, b0, s20);
            s21 = T.MultiplyAdd(x, b1, s21);
            x = T.Create(a3[k]);
            s30 = T.MultiplyAdd(x, b0, s30);
            s31 = T.MultiplyAdd(x, b1, s31);
            b += bStride;
        }

        T.Store(c, s00);
        T.Store(c + lanes, s01);
        T.Store(c + cStride, s10);
        T.Store(c + cStride + lanes, s11);
        T.Store(c + (2 * cStride), s20);
        T.Store(c + (2 * cStride) + lanes, s21);
        T.Store(c + (3 * cStride), s30);
        T.Store(c + (3 * cStride) + lanes, s31);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x1<T, TStorage>(float* c, nint cStride, float* a, nint aStride, byte* b, nint bStride, nint depth)
        where T : struct, IVector<T>
        where TStorage : struct, IStorage
    {
        T s00 = T.Load(c);
        T s10 = T.Load(c + cStride);
        T s20 = T.Load(c + (2 * cStride));
        T s30 = T.Load(c + (3 * cStride));
        float* a1 = a + aStride;
        float* a2 = a + (2 * aStride);
        float* a3 = a + (3 * aStride);
        for (nint k = 0; k < depth; k++)
        {
            T b0 = TStorage.Load<T>(b);
            T x = T.Create(a[k]);
            s00 = T.MultiplyAdd(x, b0, s00);
            x = T.Create(a1[k]);
            s10 = T.MultiplyAdd(x, b0, s10);
            x = T.Create(a2[k]);
            s20 = T.MultiplyAdd(x, b0, s20);
            x = T.Create(a3[k]);
            s30 = T.MultiplyAdd(x, b0, s30);
            b += bStride;
        }

        T.Store(c, s00);
        T.Store(c + cStride, s10);
        T.Store(c + (2 * cStride), s20);
        T.Store(c + (3 * cStride), s30);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1x4<T, TStorage>(float* c, float* a, byte* b, nint bStride, nint depth, byte* next)
        where T : struct, IVector<T>
        where TStorage : struct, IStorage
    {
        int lanes = T.Count;
        int bytes = T.Count * TStorage.Size;
        T s00 = T.Load(c);
        T s01 = T.Load(c + lanes);
        T s02 = T.Load(c + (2 * lanes));
        T s03 = T.Load(c + (3 * lanes));
        for (nint k = 0; k < depth; k++)
        {
            if (Sse.IsSupported)
            {
                // Into the second-level cache: this page and the next together would fill the first.
                for (int line = 0; line < 4 * bytes; line += CacheLine)
                {
                    Sse.Prefetch1(next + line);
                }

                next += bStride;
            }

            T b0 = TStorage.Load<T>(b);
            T b1 = TStorage.Load<T>(b + bytes);
            T b2 = TStorage.Load<T>(b + (2 * bytes));
            T b3 = TStorage.Load<T>(b + (3 * bytes));
            T x = T.Create(a[k]);
            s00 = T.MultiplyAdd(x, b0, s00);
            s01 = T.MultiplyAdd(x, b1, s01);
            s02 = T.MultiplyAdd(x, b2, s02);
            s03 = T.MultiplyAdd(x, b3, s03);
            b += bStride;
        }

        T.Store(c, s00);
        T.Store(c + lanes, s01);
        T.Store(c + (2 * lanes), s02);
        T.Store(c + (3 * lanes), s03);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1x2<T, TStorage>(float* c, nint cStride, float* a, nint aStride, byte* b, nint bStride, nint depth)
        where T : struct, IVector<T>
        where TStorage : struct, IStorage
    {
        int lanes = T.Count;
        int bytes = T.Count * TStorage.Size;
        T s00 = T.Load(c);
        T s01 = T.Load(c + lanes);
        for (nint k = 0; k < depth; k++)
        {
            T b0 = TStorage.Load<T>(b);
            T b1 = TStorage.Load<T>(b + bytes);
            T x = T.Create(a[k]);
            s00 = T.MultiplyAdd(x, b0, s00);
            s01 = T.MultiplyAdd(x, b1, s01);
            b += bStride;
        }

        T.Store(c, s00);
        T.Store(c + lanes, s01);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1x1<T, TStorage>(float* c, nint cStride, float* a, nint aStride, byte* b, nint bStride, nint depth)
        where T : struct, IVector<T>
        where TStorage : struct, IStorage
    {
        T s00 = T.Load(c);
        for (nint k = 0; k < depth; k++)
        {
            T b0 = TStorage.Load<T>(b);
            T x = T.Create(a[k]);
            s00 = T.MultiplyAdd(x, b0, s00);
            b += bStride;
        }

        T.Store(c, s00);
    }
}
