using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

// Up to four rows of 16-bit inputs times one panel of Q8 weights, straight from the panel: decoding, bound by memory.
//
//   weights   PanelLayout: a vector of lanes holds one pair of inputs' weights for as many outputs, widened to 16 bits as it is loaded
//   inputs    [pair][rows], each two 16-bit integers (QuantizeRowsJob); one pair of a row is multiplied into all lanes
//   order     the 32 products of a group are integers and add up exactly, in whatever order; rounded to a float they go
//             into c = fma(sum, scale, c), groups ascending.
//             So an output's bits depend on its row, its column and K alone, as with PanelProduct, and equal those of Q8Tiles
//   tails     columns beyond K are zero inputs; rows beyond M are zero inputs
//   bounds    |input| <= 32767, |weight| <= 128: a group's sum stays below 2^27
// Narrower vectors pass the panel several times, each time for other outputs, which the caches mostly still hold after the first.
// Cost: for 16 outputs and 32 inputs 544 bytes and about 60 instructions at 512 bits.
// Measured: 4096 x 16384 from memory 94-97 % of the read bandwidth of the same run (30-31 GB/s), from cache 45 GB/s, one thread;
// 2-core AVX-512 machine (shared), November 2026.
internal static unsafe class Q8Rows
{
    /// <summary>The most rows.</summary>
    public const int Largest = 4;

    /// <summary>Adds the product of <paramref name="rows"/> rows (1, 2 or 4) and one panel to <paramref name="c"/>, still without the rows' scales.</summary>
    /// <param name="c">[rows, 16] with <paramref name="stride"/>.</param>
    /// <param name="stride">Floats from a row of <paramref name="c"/> to the next.</param>
    /// <param name="inputs">[groups·16 pairs][rows].</param>
    /// <param name="panel">The panel.</param>
    /// <param name="groups">Groups of the matrix.</param>
    /// <param name="rows">Rows.</param>
    /// <remarks>
    /// Constants go to the loops as arguments, so that the compiler keeps them in registers: it would load each from memory at every use.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TVector, TIntegers>(float* c, nint stride, int* inputs, byte* panel, int groups, int rows)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        switch (rows)
        {
            case 4:
                Rows4<TVector, TIntegers>(c, stride, inputs, panel, groups, RaisedHalf.Mask, RaisedHalf.Factor);
                break;
            case 2:
                Rows2<TVector, TIntegers>(c, stride, inputs, panel, groups, RaisedHalf.Mask, RaisedHalf.Factor);
                break;
            default:
                Rows1<TVector, TIntegers>(c, stride, inputs, panel, groups, RaisedHalf.Mask, RaisedHalf.Factor);
                break;
        }
    }

    /// <summary>One row by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<TVector, TIntegers>(
        float* c, nint stride, int* inputs, byte* panel, int groups, int scaleMask, float scaleFactor)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers mask = TIntegers.Create(scaleMask);
        TVector factor = TVector.Create(scaleFactor);
        for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
        {
            TVector c0 = TVector.Load(c + lane);
            byte* pairs = panel + (2 * lane);
            ushort* scales = (ushort*)(panel + PanelLayout.Q8IntegerBytes) + lane;
            int* a = inputs;
            for (int group = 0; group < groups; group++)
            {
                TIntegers s0 = TIntegers.Zero;
                TIntegers t0 = TIntegers.Zero;
                int* end = a + (1 * Q8Tiles.PairsInGroup);
                while (a != end)
                {
                    WeightPrefetch.Lines(pairs, 4 * PanelLayout.Q8PairBytes);
                    TIntegers w = TIntegers.LoadBytes(pairs);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(*a));
                    w = TIntegers.LoadBytes(pairs + PanelLayout.Q8PairBytes);
                    t0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[1]));
                    w = TIntegers.LoadBytes(pairs + (2 * PanelLayout.Q8PairBytes));
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[2]));
                    w = TIntegers.LoadBytes(pairs + (3 * PanelLayout.Q8PairBytes));
                    t0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[3]));
                    pairs += 4 * PanelLayout.Q8PairBytes;
                    a += 4;
                }

                TVector scale = TIntegers.AsFloats(TIntegers.LoadRaised(scales) & mask) * factor;
                c0 = TVector.MultiplyAdd(TIntegers.ToFloats(s0 + t0), scale, c0);
                pairs += PanelLayout.ScaleBytes;
                scales += PanelLayout.Q8GroupBytes / sizeof(ushort);
            }

            TVector.Store(c + lane, c0);
        }
    }

    /// <summary>2 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<TVector, TIntegers>(
        float* c, nint stride, int* inputs, byte* panel, int groups, int scaleMask, float scaleFactor)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers mask = TIntegers.Create(scaleMask);
        TVector factor = TVector.Create(scaleFactor);
        for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
        {
            TVector c0 = TVector.Load(c + lane);
            TVector c1 = TVector.Load(c + stride + lane);
            byte* pairs = panel + (2 * lane);
            ushort* scales = (ushort*)(panel + PanelLayout.Q8IntegerBytes) + lane;
            int* a = inputs;
            for (int group = 0; group < groups; group++)
            {
                TIntegers s0 = TIntegers.Zero;
                TIntegers s1 = TIntegers.Zero;
                int* end = a + (2 * Q8Tiles.PairsInGroup);
                while (a != end)
                {
                    WeightPrefetch.Lines(pairs, 4 * PanelLayout.Q8PairBytes);
                    TIntegers w = TIntegers.LoadBytes(pairs);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(*a));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[1]));
                    w = TIntegers.LoadBytes(pairs + PanelLayout.Q8PairBytes);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[2]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[3]));
                    w = TIntegers.LoadBytes(pairs + (2 * PanelLayout.Q8PairBytes));
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[4]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[5]));
                    w = TIntegers.LoadBytes(pairs + (3 * PanelLayout.Q8PairBytes));
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[6]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[7]));
                    pairs += 4 * PanelLayout.Q8PairBytes;
                    a += 8;
                }

                TVector scale = TIntegers.AsFloats(TIntegers.LoadRaised(scales) & mask) * factor;
                c0 = TVector.MultiplyAdd(TIntegers.ToFloats(s0), scale, c0);
                c1 = TVector.MultiplyAdd(TIntegers.ToFloats(s1), scale, c1);
                pairs += PanelLayout.ScaleBytes;
                scales += PanelLayout.Q8GroupBytes / sizeof(ushort);
            }

            TVector.Store(c + lane, c0);
            TVector.Store(c + stride + lane, c1);
        }
    }

    /// <summary>4 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<TVector, TIntegers>(
        float* c, nint stride, int* inputs, byte* panel, int groups, int scaleMask, float scaleFactor)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers mask = TIntegers.Create(scaleMask);
        TVector factor = TVector.Create(scaleFactor);
        for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
        {
            TVector c0 = TVector.Load(c + lane);
            TVector c1 = TVector.Load(c + stride + lane);
            TVector c2 = TVector.Load(c + (2 * stride) + lane);
            TVector c3 = TVector.Load(c + (3 * stride) + lane);
            byte* pairs = panel + (2 * lane);
            ushort* scales = (ushort*)(panel + PanelLayout.Q8IntegerBytes) + lane;
            int* a = inputs;
            for (int group = 0; group < groups; group++)
            {
                TIntegers s0 = TIntegers.Zero;
                TIntegers s1 = TIntegers.Zero;
                TIntegers s2 = TIntegers.Zero;
                TIntegers s3 = TIntegers.Zero;
                int* end = a + (4 * Q8Tiles.PairsInGroup);
                while (a != end)
                {
                    WeightPrefetch.Lines(pairs, 4 * PanelLayout.Q8PairBytes);
                    TIntegers w = TIntegers.LoadBytes(pairs);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(*a));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[1]));
                    s2 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[2]));
                    s3 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[3]));
                    w = TIntegers.LoadBytes(pairs + PanelLayout.Q8PairBytes);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[4]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[5]));
                    s2 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[6]));
                    s3 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[7]));
                    w = TIntegers.LoadBytes(pairs + (2 * PanelLayout.Q8PairBytes));
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[8]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[9]));
                    s2 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[10]));
                    s3 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[11]));
                    w = TIntegers.LoadBytes(pairs + (3 * PanelLayout.Q8PairBytes));
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[12]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[13]));
                    s2 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[14]));
                    s3 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[15]));
                    pairs += 4 * PanelLayout.Q8PairBytes;
                    a += 16;
                }

                TVector scale = TIntegers.AsFloats(TIntegers.LoadRaised(scales) & mask) * factor;
                c0 = TVector.MultiplyAdd(TIntegers.ToFloats(s0), scale, c0);
                c1 = TVector.MultiplyAdd(TIntegers.ToFloats(s1), scale, c1);
                c2 = TVector.MultiplyAdd(TIntegers.ToFloats(s2), scale, c2);
                c3 = TVector.MultiplyAdd(TIntegers.ToFloats(s3), scale, c3);
                pairs += PanelLayout.ScaleBytes;
                scales += PanelLayout.Q8GroupBytes / sizeof(ushort);
            }

            TVector.Store(c + lane, c0);
            TVector.Store(c + stride + lane, c1);
            TVector.Store(c + (2 * stride) + lane, c2);
            TVector.Store(c + (3 * stride) + lane, c3);
        }
    }
}
