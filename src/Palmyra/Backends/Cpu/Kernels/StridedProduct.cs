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
//   tails   none: widths are multiples of sixteen, and a row is a row
// Cost: 2·rows·depth·width operations on data that a page keeps in the nearest cache. A lone row (decoding) reads each page once and is
// bound by memory: while it works on one page it asks for the next, which lies elsewhere. Measured: see Attending.cs.
internal static unsafe class StridedProduct
{
    /// <summary>Adds the product to <paramref name="c"/>.</summary>
    /// <param name="c">[rows, width].</param>
    /// <param name="cStride">Floats from a row of it to the next.</param>
    /// <param name="a">[rows, depth].</param>
    /// <param name="aStride">Floats from a row of it to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="b">[depth, width].</param>
    /// <param name="bStride">Floats from a row of it to the next.</param>
    /// <param name="width">A multiple of sixteen.</param>
    /// <param name="depth">Length of the chains.</param>
    /// <param name="next">What will be read after <paramref name="b"/>, laid out like it; only asked for, never read, so any address will do.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<T>(
        float* c, nint cStride, float* a, nint aStride, int rows, float* b, nint bStride, int width, nint depth, float* next)
        where T : struct, IVector<T>
    {
        int i = 0;
        for (; i + 4 <= rows; i += 4)
        {
            float* ci = c + (i * cStride);
            float* ai = a + (i * aStride);
            int j = 0;
            for (; j + (2 * T.Count) <= width; j += 2 * T.Count)
            {
                Tile4x2<T>(ci + j, cStride, ai, aStride, b + j, bStride, depth);
            }

            for (; j < width; j += T.Count)
            {
                Tile4x1<T>(ci + j, cStride, ai, aStride, b + j, bStride, depth);
            }
        }

        for (; i < rows; i++)
        {
            float* ci = c + (i * cStride);
            float* ai = a + (i * aStride);
            int j = 0;
            for (; j + (4 * T.Count) <= width; j += 4 * T.Count)
            {
                Tile1x4<T>(ci + j, ai, b + j, bStride, depth, next + j);
            }

            for (; j + (2 * T.Count) <= width; j += 2 * T.Count)
            {
                Tile1x2<T>(ci + j, cStride, ai, aStride, b + j, bStride, depth);
            }

            for (; j < width; j += T.Count)
            {
                Tile1x1<T>(ci + j, cStride, ai, aStride, b + j, bStride, depth);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x2<T>(float* c, nint cStride, float* a, nint aStride, float* b, nint bStride, nint depth)
        where T : struct, IVector<T>
    {
        int lanes = T.Count;
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
            T b0 = T.Load(b);
            T b1 = T.Load(b + lanes);
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
    private static void Tile4x1<T>(float* c, nint cStride, float* a, nint aStride, float* b, nint bStride, nint depth)
        where T : struct, IVector<T>
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
            T b0 = T.Load(b);
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
    private static void Tile1x4<T>(float* c, float* a, float* b, nint bStride, nint depth, float* next)
        where T : struct, IVector<T>
    {
        int lanes = T.Count;
        T s00 = T.Load(c);
        T s01 = T.Load(c + lanes);
        T s02 = T.Load(c + (2 * lanes));
        T s03 = T.Load(c + (3 * lanes));
        for (nint k = 0; k < depth; k++)
        {
            if (Sse.IsSupported)
            {
                // Into the second-level cache: this page and the next together would fill the first.
                for (int line = 0; line < 4 * lanes; line += 16)
                {
                    Sse.Prefetch1(next + line);
                }

                next += bStride;
            }

            T b0 = T.Load(b);
            T b1 = T.Load(b + lanes);
            T b2 = T.Load(b + (2 * lanes));
            T b3 = T.Load(b + (3 * lanes));
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
    private static void Tile1x2<T>(float* c, nint cStride, float* a, nint aStride, float* b, nint bStride, nint depth)
        where T : struct, IVector<T>
    {
        int lanes = T.Count;
        T s00 = T.Load(c);
        T s01 = T.Load(c + lanes);
        for (nint k = 0; k < depth; k++)
        {
            T b0 = T.Load(b);
            T b1 = T.Load(b + lanes);
            T x = T.Create(a[k]);
            s00 = T.MultiplyAdd(x, b0, s00);
            s01 = T.MultiplyAdd(x, b1, s01);
            b += bStride;
        }

        T.Store(c, s00);
        T.Store(c + lanes, s01);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1x1<T>(float* c, nint cStride, float* a, nint aStride, float* b, nint bStride, nint depth)
        where T : struct, IVector<T>
    {
        T s00 = T.Load(c);
        for (nint k = 0; k < depth; k++)
        {
            T b0 = T.Load(b);
            T x = T.Create(a[k]);
            s00 = T.MultiplyAdd(x, b0, s00);
            b += bStride;
        }

        T.Store(c, s00);
    }
}
