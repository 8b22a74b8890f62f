using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// A tile of rows of inputs, up to eight, times one panel of 16-bit weights, straight from the panel: decoding, bound by memory.
//
//   weights   [pair of inputs][panel][2]: a lane's 32 bits are the weights of inputs 2k and 2k + 1 for one output, so that one load gives
//             two vectors of floats with a shift and a mask each (INarrow) instead of two loads that widen
//   inputs    [K][rows], as Packing interleaves them
//   order     c = fma(a_k, w_k, c) for k = 0 .. K-1, as in PanelProduct: the same bits
//   tails     an odd K leaves a last pair of which only the first half counts; its second half is 0 and is not read
// Cost: 2·rows·panel·K operations, 2·panel·K bytes, for 96 weights at 512 bits 3 loads and 6 (BF16) or 21 (F16) conversions.
// Measured: 4096 x 16384 from memory 97-99 % of the read bandwidth of the same run (F16 32, BF16 33 GB/s), from cache 45 and 73 GB/s, one
// thread; 2-core AVX-512 machine (shared), November 2026.
internal static unsafe class NarrowRows
{
    /// <summary>Adds the product of <paramref name="rows"/> rows (1, 2, 4 or 8) and one panel to <paramref name="c"/>.</summary>
    /// <param name="c">[rows, panel] with <paramref name="stride"/>.</param>
    /// <param name="stride">Floats from a row of <paramref name="c"/> to the next.</param>
    /// <param name="a">[depth][rows].</param>
    /// <param name="panel">The panel.</param>
    /// <param name="depth">K.</param>
    /// <param name="rows">Rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TVector, TIntegers, TNarrow>(float* c, nint stride, float* a, uint* panel, nint depth, int rows)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
        where TNarrow : struct, INarrow
    {
        switch (rows)
        {
            case 8:
                Rows8<TVector, TIntegers, TNarrow>(c, stride, a, panel, depth, TNarrow.Mask, TNarrow.Factor);
                break;
            case 4:
                Rows4<TVector, TIntegers, TNarrow>(c, stride, a, panel, depth, TNarrow.Mask, TNarrow.Factor);
                break;
            case 2:
                Rows2<TVector, TIntegers, TNarrow>(c, stride, a, panel, depth, TNarrow.Mask, TNarrow.Factor);
                break;
            default:
                Rows1<TVector, TIntegers, TNarrow>(c, stride, a, panel, depth, TNarrow.Mask, TNarrow.Factor);
                break;
        }
    }

    /// <summary>One row by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<TVector, TIntegers, TNarrow>(float* c, nint stride, float* a, uint* panel, nint depth, int maskBits, float scale)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
        where TNarrow : struct, INarrow
    {
        int lanes = TVector.Count;
        TIntegers mask = TIntegers.Create(maskBits);
        TVector factor = TVector.Create(scale);
        TVector s00 = TVector.Load(c);
        TVector s01 = TVector.Load(c + lanes);
        TVector s02 = TVector.Load(c + (2 * lanes));
        float* end = a + (depth / 2 * 2);
        while (a != end)
        {
            WeightPrefetch.Lines(panel, 3 * sizeof(uint) * lanes);
            TIntegers bits = TIntegers.Load(panel);
            TVector w0 = TNarrow.First(bits, mask, factor);
            TVector v0 = TNarrow.Second(bits, mask, factor);
            bits = TIntegers.Load(panel + lanes);
            TVector w1 = TNarrow.First(bits, mask, factor);
            TVector v1 = TNarrow.Second(bits, mask, factor);
            bits = TIntegers.Load(panel + (2 * lanes));
            TVector w2 = TNarrow.First(bits, mask, factor);
            TVector v2 = TNarrow.Second(bits, mask, factor);
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, w0, s00);
            s01 = TVector.MultiplyAdd(x, w1, s01);
            s02 = TVector.MultiplyAdd(x, w2, s02);
            x = TVector.Create(a[1]);
            s00 = TVector.MultiplyAdd(x, v0, s00);
            s01 = TVector.MultiplyAdd(x, v1, s01);
            s02 = TVector.MultiplyAdd(x, v2, s02);
            a += 2;
            panel += 3 * lanes;
        }

        if ((depth & 1) != 0)
        {
            TVector w0 = TNarrow.First(TIntegers.Load(panel), mask, factor);
            TVector w1 = TNarrow.First(TIntegers.Load(panel + lanes), mask, factor);
            TVector w2 = TNarrow.First(TIntegers.Load(panel + (2 * lanes)), mask, factor);
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, w0, s00);
            s01 = TVector.MultiplyAdd(x, w1, s01);
            s02 = TVector.MultiplyAdd(x, w2, s02);
        }

        TVector.Store(c, s00);
        TVector.Store(c + lanes, s01);
        TVector.Store(c + (2 * lanes), s02);
    }

    /// <summary>2 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<TVector, TIntegers, TNarrow>(float* c, nint stride, float* a, uint* panel, nint depth, int maskBits, float scale)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
        where TNarrow : struct, INarrow
    {
        int lanes = TVector.Count;
        TIntegers mask = TIntegers.Create(maskBits);
        TVector factor = TVector.Create(scale);
        TVector s00 = TVector.Load(c);
        TVector s01 = TVector.Load(c + lanes);
        TVector s02 = TVector.Load(c + (2 * lanes));
        TVector s10 = TVector.Load(c + stride);
        TVector s11 = TVector.Load(c + stride + lanes);
        TVector s12 = TVector.Load(c + stride + (2 * lanes));
        float* end = a + (depth / 2 * 4);
        while (a != end)
        {
            WeightPrefetch.Lines(panel, 3 * sizeof(uint) * lanes);
            TIntegers bits = TIntegers.Load(panel);
            TVector w0 = TNarrow.First(bits, mask, factor);
            TVector v0 = TNarrow.Second(bits, mask, factor);
            bits = TIntegers.Load(panel + lanes);
            TVector w1 = TNarrow.First(bits, mask, factor);
            TVector v1 = TNarrow.Second(bits, mask, factor);
            bits = TIntegers.Load(panel + (2 * lanes));
            TVector w2 = TNarrow.First(bits, mask, factor);
            TVector v2 = TNarrow.Second(bits, mask, factor);
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, w0, s00);
            s01 = TVector.MultiplyAdd(x, w1, s01);
            s02 = TVector.MultiplyAdd(x, w2, s02);
            x = TVector.Create(a[2]);
            s00 = TVector.MultiplyAdd(x, v0, s00);
            s01 = TVector.MultiplyAdd(x, v1, s01);
            s02 = TVector.MultiplyAdd(x, v2, s02);
            x = TVector.Create(a[1]);
            s10 = TVector.MultiplyAdd(x, w0, s10);
            s11 = TVector.MultiplyAdd(x, w1, s11);
            s12 = TVector.MultiplyAdd(x, w2, s12);
            x = TVector.Create(a[3]);
            s10 = TVector.MultiplyAdd(x, v0, s10);
            s11 = TVector.MultiplyAdd(x, v1, s11);
            s12 = TVector.MultiplyAdd(x, v2, s12);
            a += 4;
            panel += 3 * lanes;
        }

        if ((depth & 1) != 0)
        {
            TVector w0 = TNarrow.First(TIntegers.Load(panel), mask, factor);
            TVector w1 = TNarrow.First(TIntegers.Load(panel + lanes), mask, factor);
            TVector w2 = TNarrow.First(TIntegers.Load(panel + (2 * lanes)), mask, factor);
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, w0, s00);
            s01 = TVector.MultiplyAdd(x, w1, s01);
            s02 = TVector.MultiplyAdd(x, w2, s02);
            x = TVector.Create(a[1]);
            s10 = TVector.MultiplyAdd(x, w0, s10);
            s11 = TVector.MultiplyAdd(x, w1, s11);
            s12 = TVector.MultiplyAdd(x, w2, s12);
        }

        TVector.Store(c, s00);
        TVector.Store(c + lanes, s01);
        TVector.Store(c + (2 * lanes), s02);
        TVector.Store(c + stride, s10);
        TVector.Store(c + stride + lanes, s11);
        TVector.Store(c + stride + (2 * lanes), s12);
    }

    /// <summary>4 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<TVector, TIntegers, TNarrow>(float* c, nint stride, float* a, uint* panel, nint depth, int maskBits, float scale)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
        where TNarrow : struct, INarrow
    {
        int lanes = TVector.Count;
        TIntegers mask = TIntegers.Create(maskBits);
        TVector factor = TVector.Create(scale);
        TVector s00 = TVector.Load(c);
        TVector s01 = TVector.Load(c + lanes);
        TVector s02 = TVector.Load(c + (2 * lanes));
        TVector s10 = TVector.Load(c + stride);
        TVector s11 = TVector.Load(c + stride + lanes);
        TVector s12 = TVector.Load(c + stride + (2 * lanes));
        TVector s20 = TVector.Load(c + (2 * stride));
        TVector s21 = TVector.Load(c + (2 * stride) + lanes);
        TVector s22 = TVector.Load(c + (2 * stride) + (2 * lanes));
        TVector s30 = TVector.Load(c + (3 * stride));
        TVector s31 = TVector.Load(c + (3 * stride) + lanes);
        TVector s32 = TVector.Load(c + (3 * stride) + (2 * lanes));
        float* end = a + (depth / 2 * 8);
        while (a != end)
        {
            WeightPrefetch.Lines(panel, 3 * sizeof(uint) * lanes);
            TIntegers bits = TIntegers.Load(panel);
            TVector w0 = TNarrow.First(bits, mask, factor);
            TVector v0 = TNarrow.Second(bits, mask, factor);
            bits = TIntegers.Load(panel + lanes);
            TVector w1 = TNarrow.First(bits, mask, factor);
            TVector v1 = TNarrow.Second(bits, mask, factor);
            bits = TIntegers.Load(panel + (2 * lanes));
            TVector w2 = TNarrow.First(bits, mask, factor);
            TVector v2 = TNarrow.Second(bits, mask, factor);
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, w0, s00);
            s01 = TVector.MultiplyAdd(x, w1, s01);
            s02 = TVector.MultiplyAdd(x, w2, s02);
            x = TVector.Create(a[4]);
            s00 = TVector.MultiplyAdd(x, v0, s00);
            s01 = TVector.MultiplyAdd(x, v1, s01);
            s02 = TVector.MultiplyAdd(x, v2, s02);
            x = TVector.Create(a[1]);
            s10 = TVector.MultiplyAdd(x, w0, s10);
            s11 = TVector.MultiplyAdd(x, w1, s11);
            s12 = TVector.MultiplyAdd(x, w2, s12);
            x = TVector.Create(a[5]);
            s10 = TVector.MultiplyAdd(x, v0, s10);
            s11 = TVector.MultiplyAdd(x, v1, s11);
            s12 = TVector.MultiplyAdd(x, v2, s12);
            x = TVector.Create(a[2]);
            s20 = TVector.MultiplyAdd(x, w0, s20);
            s21 = TVector.MultiplyAdd(x, w1, s21);
            s22 = TVector.MultiplyAdd(x, w2, s22);
            x = TVector.Create(a[6]);
            s20 = TVector.MultiplyAdd(x, v0, s20);
            s21 = TVector.MultiplyAdd(x, v1, s21);
            s22 = TVector.MultiplyAdd(x, v2, s22);
            x = TVector.Create(a[3]);
            s30 = TVector.MultiplyAdd(x, w0, s30);
            s31 = TVector.MultiplyAdd(x, w1, s31);
            s32 = TVector.MultiplyAdd(x, w2, s32);
            x = TVector.Create(a[7]);
            s30 = TVector.MultiplyAdd(x, v0, s30);
            s31 = TVector.MultiplyAdd(x, v1, s31);
            s32 = TVector.MultiplyAdd(x, v2, s32);
            a += 8;
            panel += 3 * lanes;
        }

        if ((depth & 1) != 0)
        {
            TVector w0 = TNarrow.First(TIntegers.Load(panel), mask, factor);
            TVector w1 = TNarrow.First(TIntegers.Load(panel + lanes), mask, factor);
            TVector w2 = TNarrow.First(TIntegers.Load(panel + (2 * lanes)), mask, factor);
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, w0, s00);
            s01 = TVector.MultiplyAdd(x, w1, s01);
            s02 = TVector.MultiplyAdd(x, w2, s02);
            x = TVector.Create(a[1]);
            s10 = TVector.MultiplyAdd(x, w0, s10);
            s11 = TVector.MultiplyAdd(x, w1, s11);
            s12 = TVector.MultiplyAdd(x, w2, s12);
            x = TVector.Create(a[2]);
            s20 = TVector.MultiplyAdd(x, w0, s20);
            s21 = TVector.MultiplyAdd(x, w1, s21);
            s22 = TVector.MultiplyAdd(x, w2, s22);
            x = TVector.Create(a[3]);
            s30 = TVector.MultiplyAdd(x, w0, s30);
            s31 = TVector.MultiplyAdd(x, w1, s31);
            s32 = TVector.MultiplyAdd(x, w2, s32);
        }

        TVector.Store(c, s00);
        TVector.Store(c + lanes, s01);
        TVector.Store(c + (2 * lanes), s02);
        TVector.Store(c + stride, s10);
        TVector.Store(c + stride + lanes, s11);
        TVector.Store(c + stride + (2 * lanes), s12);
        TVector.Store(c + (2 * stride), s20);
        TVector.Store(c + (2 * stride) + lanes, s21);
        TVector.Store(c + (2 * stride) + (2 * lanes), s22);
        TVector.Store(c + (3 * stride), s30);
        TVector.Store(c + (3 * stride) + lanes, s31);
        TVector.Store(c + (3 * stride) + (2 * lanes), s32);
    }

    /// <summary>8 rows by one panel: with 24 sums there is room for one vector of weights at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8<TVector, TIntegers, TNarrow>(float* c, nint stride, float* a, uint* panel, nint depth, int maskBits, float scale)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
        where TNarrow : struct, INarrow
    {
        int lanes = TVector.Count;
        TIntegers mask = TIntegers.Create(maskBits);
        TVector factor = TVector.Create(scale);
        TVector s00 = TVector.Load(c);
        TVector s01 = TVector.Load(c + lanes);
        TVector s02 = TVector.Load(c + (2 * lanes));
        TVector s10 = TVector.Load(c + stride);
        TVector s11 = TVector.Load(c + stride + lanes);
        TVector s12 = TVector.Load(c + stride + (2 * lanes));
        TVector s20 = TVector.Load(c + (2 * stride));
        TVector s21 = TVector.Load(c + (2 * stride) + lanes);
        TVector s22 = TVector.Load(c + (2 * stride) + (2 * lanes));
        TVector s30 = TVector.Load(c + (3 * stride));
        TVector s31 = TVector.Load(c + (3 * stride) + lanes);
        TVector s32 = TVector.Load(c + (3 * stride) + (2 * lanes));
        TVector s40 = TVector.Load(c + (4 * stride));
        TVector s41 = TVector.Load(c + (4 * stride) + lanes);
        TVector s42 = TVector.Load(c + (4 * stride) + (2 * lanes));
        TVector s50 = TVector.Load(c + (5 * stride));
        TVector s51 = TVector.Load(c + (5 * stride) + lanes);
        TVector s52 = TVector.Load(c + (5 * stride) + (2 * lanes));
        TVector s60 = TVector.Load(c + (6 * stride));
        TVector s61 = TVector.Load(c + (6 * stride) + lanes);
        TVector s62 = TVector.Load(c + (6 * stride) + (2 * lanes));
        TVector s70 = TVector.Load(c + (7 * stride));
        TVector s71 = TVector.Load(c + (7 * stride) + lanes);
        TVector s72 = TVector.Load(c + (7 * stride) + (2 * lanes));
        float* end = a + (depth / 2 * 16);
        while (a != end)
        {
            WeightPrefetch.Lines(panel, 3 * sizeof(uint) * lanes);
            TIntegers bits = TIntegers.Load(panel);
            TVector w = TNarrow.First(bits, mask, factor);
            s00 = TVector.MultiplyAdd(TVector.Create(*a), w, s00);
            s10 = TVector.MultiplyAdd(TVector.Create(a[1]), w, s10);
            s20 = TVector.MultiplyAdd(TVector.Create(a[2]), w, s20);
            s30 = TVector.MultiplyAdd(TVector.Create(a[3]), w, s30);
            s40 = TVector.MultiplyAdd(TVector.Create(a[4]), w, s40);
            s50 = TVector.MultiplyAdd(TVector.Create(a[5]), w, s50);
            s60 = TVector.MultiplyAdd(TVector.Create(a[6]), w, s60);
            s70 = TVector.MultiplyAdd(TVector.Create(a[7]), w, s70);
            w = TNarrow.Second(bits, mask, factor);
            s00 = TVector.MultiplyAdd(TVector.Create(a[8]), w, s00);
            s10 = TVector.MultiplyAdd(TVector.Create(a[9]), w, s10);
            s20 = TVector.MultiplyAdd(TVector.Create(a[10]), w, s20);
            s30 = TVector.MultiplyAdd(TVector.Create(a[11]), w, s30);
            s40 = TVector.MultiplyAdd(TVector.Create(a[12]), w, s40);
            s50 = TVector.MultiplyAdd(TVector.Create(a[13]), w, s50);
            s60 = TVector.MultiplyAdd(TVector.Create(a[14]), w, s60);
            s70 = TVector.MultiplyAdd(TVector.Create(a[15]), w, s70);
            bits = TIntegers.Load(panel + lanes);
            w = TNarrow.First(bits, mask, factor);
            s01 = TVector.MultiplyAdd(TVector.Create(*a), w, s01);
            s11 = TVector.MultiplyAdd(TVector.Create(a[1]), w, s11);
            s21 = TVector.MultiplyAdd(TVector.Create(a[2]), w, s21);
            s31 = TVector.MultiplyAdd(TVector.Create(a[3]), w, s31);
            s41 = TVector.MultiplyAdd(TVector.Create(a[4]), w, s41);
            s51 = TVector.MultiplyAdd(TVector.Create(a[5]), w, s51);
            s61 = TVector.MultiplyAdd(TVector.Create(a[6]), w, s61);
            s71 = TVector.MultiplyAdd(TVector.Create(a[7]), w, s71);
            w = TNarrow.Second(bits, mask, factor);
            s01 = TVector.MultiplyAdd(TVector.Create(a[8]), w, s01);
            s11 = TVector.MultiplyAdd(TVector.Create(a[9]), w, s11);
            s21 = TVector.MultiplyAdd(TVector.Create(a[10]), w, s21);
            s31 = TVector.MultiplyAdd(TVector.Create(a[11]), w, s31);
            s41 = TVector.MultiplyAdd(TVector.Create(a[12]), w, s41);
            s51 = TVector.MultiplyAdd(TVector.Create(a[13]), w, s51);
            s61 = TVector.MultiplyAdd(TVector.Create(a[14]), w, s61);
            s71 = TVector.MultiplyAdd(TVector.Create(a[15]), w, s71);
            bits = TIntegers.Load(panel + (2 * lanes));
            w = TNarrow.First(bits, mask, factor);
            s02 = TVector.MultiplyAdd(TVector.Create(*a), w, s02);
            s12 = TVector.MultiplyAdd(TVector.Create(a[1]), w, s12);
            s22 = TVector.MultiplyAdd(TVector.Create(a[2]), w, s22);
            s32 = TVector.MultiplyAdd(TVector.Create(a[3]), w, s32);
            s42 = TVector.MultiplyAdd(TVector.Create(a[4]), w, s42);
            s52 = TVector.MultiplyAdd(TVector.Create(a[5]), w, s52);
            s62 = TVector.MultiplyAdd(TVector.Create(a[6]), w, s62);
            s72 = TVector.MultiplyAdd(TVector.Create(a[7]), w, s72);
            w = TNarrow.Second(bits, mask, factor);
            s02 = TVector.MultiplyAdd(TVector.Create(a[8]), w, s02);
            s12 = TVector.MultiplyAdd(TVector.Create(a[9]), w, s12);
            s22 = TVector.MultiplyAdd(TVector.Create(a[10]), w, s22);
            s32 = TVector.MultiplyAdd(TVector.Create(a[11]), w, s32);
            s42 = TVector.MultiplyAdd(TVector.Create(a[12]), w, s42);
            s52 = TVector.MultiplyAdd(TVector.Create(a[13]), w, s52);
            s62 = TVector.MultiplyAdd(TVector.Create(a[14]), w, s62);
            s72 = TVector.MultiplyAdd(TVector.Create(a[15]), w, s72);
            a += 16;
            panel += 3 * lanes;
        }

        if ((depth & 1) != 0)
        {
            TVector w = TNarrow.First(TIntegers.Load(panel), mask, factor);
            s00 = TVector.MultiplyAdd(TVector.Create(*a), w, s00);
            s10 = TVector.MultiplyAdd(TVector.Create(a[1]), w, s10);
            s20 = TVector.MultiplyAdd(TVector.Create(a[2]), w, s20);
            s30 = TVector.MultiplyAdd(TVector.Create(a[3]), w, s30);
            s40 = TVector.MultiplyAdd(TVector.Create(a[4]), w, s40);
            s50 = TVector.MultiplyAdd(TVector.Create(a[5]), w, s50);
            s60 = TVector.MultiplyAdd(TVector.Create(a[6]), w, s60);
            s70 = TVector.MultiplyAdd(TVector.Create(a[7]), w, s70);
            w = TNarrow.First(TIntegers.Load(panel + lanes), mask, factor);
            s01 = TVector.MultiplyAdd(TVector.Create(*a), w, s01);
            s11 = TVector.MultiplyAdd(TVector.Create(a[1]), w, s11);
            s21 = TVector.MultiplyAdd(TVector.Create(a[2]), w, s21);
            s31 = TVector.MultiplyAdd(TVector.Create(a[3]), w, s31);
            s41 = TVector.MultiplyAdd(TVector.Create(a[4]), w, s41);
            s51 = TVector.MultiplyAdd(TVector.Create(a[5]), w, s51);
            s61 = TVector.MultiplyAdd(TVector.Create(a[6]), w, s61);
            s71 = TVector.MultiplyAdd(TVector.Create(a[7]), w, s71);
            w = TNarrow.First(TIntegers.Load(panel + (2 * lanes)), mask, factor);
            s02 = TVector.MultiplyAdd(TVector.Create(*a), w, s02);
            s12 = TVector.MultiplyAdd(TVector.Create(a[1]), w, s12);
            s22 = TVector.MultiplyAdd(TVector.Create(a[2]), w, s22);
            s32 = TVector.MultiplyAdd(TVector.Create(a[3]), w, s32);
            s42 = TVector.MultiplyAdd(TVector.Create(a[4]), w, s42);
            s52 = TVector.MultiplyAdd(TVector.Create(a[5]), w, s52);
            s62 = TVector.MultiplyAdd(TVector.Create(a[6]), w, s62);
            s72 = TVector.MultiplyAdd(TVector.Create(a[7]), w, s72);
        }

        TVector.Store(c, s00);
        TVector.Store(c + lanes, s01);
        TVector.Store(c + (2 * lanes), s02);
        TVector.Store(c + stride, s10);
        TVector.Store(c + stride + lanes, s11);
        TVector.Store(c + stride + (2 * lanes), s12);
        TVector.Store(c + (2 * stride), s20);
        TVector.Store(c + (2 * stride) + lanes, s21);
        TVector.Store(c + (2 * stride) + (2 * lanes), s22);
        TVector.Store(c + (3 * stride), s30);
        TVector.Store(c + (3 * stride) + lanes, s31);
        TVector.Store(c + (3 * stride) + (2 * lanes), s32);
        TVector.Store(c + (4 * stride), s40);
        TVector.Store(c + (4 * stride) + lanes, s41);
        TVector.Store(c + (4 * stride) + (2 * lanes), s42);
        TVector.Store(c + (5 * stride), s50);
        TVector.Store(c + (5 * stride) + lanes, s51);
        TVector.Store(c + (5 * stride) + (2 * lanes), s52);
        TVector.Store(c + (6 * stride), s60);
        TVector.Store(c + (6 * stride) + lanes, s61);
        TVector.Store(c + (6 * stride) + (2 * lanes), s62);
        TVector.Store(c + (7 * stride), s70);
        TVector.Store(c + (7 * stride) + lanes, s71);
        TVector.Store(c + (7 * stride) + (2 * lanes), s72);
    }
}
