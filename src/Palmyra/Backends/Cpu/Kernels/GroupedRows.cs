using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

// Up to four rows of 16-bit inputs times one panel of Q8 or Q4 weights, straight from the panel: decoding, bound by memory.
//
//   weights   PanelLayout: a vector of lanes holds one pair of columns for as many outputs
//   inputs    [pair][rows], each two 16-bit integers (QuantizeRowsJob); one pair of a row is multiplied into all lanes
//   order     the 32 products of a group are integers and add up exactly, in whatever order; then c = fma(sum, scale, c), groups ascending.
//             So an output's bits depend on its row, its column and K alone, as with PanelProduct, and equal those of GroupedTiles
//   tails     columns beyond K are zero inputs; rows beyond M are zero inputs and offsets
//   bounds    |input| <= 32767, |weight| <= 128 (Q8) or 15 (Q4): a group's sum stays below 2^28
// The sums of a panel stay in c, in the nearest cache, between groups: one load, one store and one multiply-add for 32 products.
// Cost: for 16 outputs and 32 inputs 544 bytes and about 55 instructions at 512 bits (Q8), 288 bytes and 64 (Q4).
internal static unsafe class GroupedRows
{
    /// <summary>The most rows.</summary>
    public const int Largest = 4;

    /// <summary>How far ahead of its reading a panel is asked for: hides the memory's latency, stays inside the nearest cache.</summary>
    private const int PrefetchDistance = 4096;

    private const int CacheLine = 64;

    /// <summary>Adds the product of <paramref name="rows"/> rows (1, 2 or 4) and one panel to <paramref name="c"/>, still without the rows' scales.</summary>
    /// <param name="c">[rows, 16] with <paramref name="stride"/>.</param>
    /// <param name="stride">Floats from a row of <paramref name="c"/> to the next.</param>
    /// <param name="inputs">[groups·16 pairs][rows].</param>
    /// <param name="offsets">[rows][groups]: −8·Σ of a group's inputs; not read for Q8.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="groups">Groups of the matrix.</param>
    /// <param name="rows">Rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TVector, TIntegers, TFormat>(float* c, nint stride, int* inputs, int* offsets, byte* panel, int groups, int rows)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
        where TFormat : struct, IGroupFormat
    {
        switch (rows)
        {
            case 4:
                Rows4<TVector, TIntegers, TFormat>(c, stride, inputs, offsets, panel, groups, TFormat.Low);
                break;
            case 2:
                Rows2<TVector, TIntegers, TFormat>(c, stride, inputs, offsets, panel, groups, TFormat.Low);
                break;
            default:
                Rows1<TVector, TIntegers, TFormat>(c, stride, inputs, offsets, panel, groups, TFormat.Low);
                break;
        }
    }

    /// <summary>One row by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<TVector, TIntegers, TFormat>(float* c, nint stride, int* inputs, int* offsets, byte* panel, int groups, int lowBits)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
        where TFormat : struct, IGroupFormat
    {
        TIntegers low = TIntegers.Create(lowBits);
        for (int group = 0; group < groups; group++)
        {
            Prefetch(panel + PrefetchDistance, TFormat.IntegerBytes + PanelLayout.ScaleBytes);
            for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
            {
                TIntegers s0 = TFormat.Excess == 0 ? TIntegers.Zero : TIntegers.Create(offsets[group]);
                TIntegers t0 = TIntegers.Zero;
                int* a = inputs;
                for (int quad = 0; quad < PanelLayout.GroupSize / 8; quad++)
                {
                    TIntegers bits = TFormat.Quad<TIntegers, TVector>(panel, quad, lane);
                    TIntegers w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 0, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(*a));
                    w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 1, lane);
                    t0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[1]));
                    w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 2, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[2]));
                    w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 3, lane);
                    t0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[3]));
                    a += 4;
                }

                TVector scale = TVector.LoadFiniteHalf((ushort*)(panel + TFormat.IntegerBytes) + lane);
                TVector.Store(c + lane, TVector.MultiplyAdd(TIntegers.ToFloats(s0 + t0), scale, TVector.Load(c + lane)));
            }

            panel += TFormat.IntegerBytes + PanelLayout.ScaleBytes;
            inputs += 1 * PanelLayout.GroupSize / 2;
        }
    }

    /// <summary>2 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<TVector, TIntegers, TFormat>(float* c, nint stride, int* inputs, int* offsets, byte* panel, int groups, int lowBits)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
        where TFormat : struct, IGroupFormat
    {
        TIntegers low = TIntegers.Create(lowBits);
        for (int group = 0; group < groups; group++)
        {
            Prefetch(panel + PrefetchDistance, TFormat.IntegerBytes + PanelLayout.ScaleBytes);
            for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
            {
                TIntegers s0 = TFormat.Excess == 0 ? TIntegers.Zero : TIntegers.Create(offsets[group]);
                TIntegers s1 = TFormat.Excess == 0 ? TIntegers.Zero : TIntegers.Create(offsets[groups + group]);
                int* a = inputs;
                for (int quad = 0; quad < PanelLayout.GroupSize / 8; quad++)
                {
                    TIntegers bits = TFormat.Quad<TIntegers, TVector>(panel, quad, lane);
                    TIntegers w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 0, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(*a));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[1]));
                    w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 1, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[2]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[3]));
                    w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 2, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[4]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[5]));
                    w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 3, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[6]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[7]));
                    a += 8;
                }

                TVector scale = TVector.LoadFiniteHalf((ushort*)(panel + TFormat.IntegerBytes) + lane);
                TVector.Store(c + lane, TVector.MultiplyAdd(TIntegers.ToFloats(s0), scale, TVector.Load(c + lane)));
                TVector.Store(c + stride + lane, TVector.MultiplyAdd(TIntegers.ToFloats(s1), scale, TVector.Load(c + stride + lane)));
            }

            panel += TFormat.IntegerBytes + PanelLayout.ScaleBytes;
            inputs += 2 * PanelLayout.GroupSize / 2;
        }
    }

    /// <summary>4 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<TVector, TIntegers, TFormat>(float* c, nint stride, int* inputs, int* offsets, byte* panel, int groups, int lowBits)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
        where TFormat : struct, IGroupFormat
    {
        TIntegers low = TIntegers.Create(lowBits);
        for (int group = 0; group < groups; group++)
        {
            Prefetch(panel + PrefetchDistance, TFormat.IntegerBytes + PanelLayout.ScaleBytes);
            for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
            {
                TIntegers s0 = TFormat.Excess == 0 ? TIntegers.Zero : TIntegers.Create(offsets[group]);
                TIntegers s1 = TFormat.Excess == 0 ? TIntegers.Zero : TIntegers.Create(offsets[groups + group]);
                TIntegers s2 = TFormat.Excess == 0 ? TIntegers.Zero : TIntegers.Create(offsets[(2 * (nint)groups) + group]);
                TIntegers s3 = TFormat.Excess == 0 ? TIntegers.Zero : TIntegers.Create(offsets[(3 * (nint)groups) + group]);
                int* a = inputs;
                for (int quad = 0; quad < PanelLayout.GroupSize / 8; quad++)
                {
                    TIntegers bits = TFormat.Quad<TIntegers, TVector>(panel, quad, lane);
                    TIntegers w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 0, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(*a));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[1]));
                    s2 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[2]));
                    s3 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[3]));
                    w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 1, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[4]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[5]));
                    s2 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[6]));
                    s3 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[7]));
                    w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 2, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[8]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[9]));
                    s2 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[10]));
                    s3 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[11]));
                    w = TFormat.Pair<TIntegers, TVector>(bits, low, panel, quad, 3, lane);
                    s0 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[12]));
                    s1 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[13]));
                    s2 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[14]));
                    s3 += TIntegers.MultiplyPairs(w, TIntegers.Create(a[15]));
                    a += 16;
                }

                TVector scale = TVector.LoadFiniteHalf((ushort*)(panel + TFormat.IntegerBytes) + lane);
                TVector.Store(c + lane, TVector.MultiplyAdd(TIntegers.ToFloats(s0), scale, TVector.Load(c + lane)));
                TVector.Store(c + stride + lane, TVector.MultiplyAdd(TIntegers.ToFloats(s1), scale, TVector.Load(c + stride + lane)));
                TVector.Store(c + (2 * stride) + lane, TVector.MultiplyAdd(TIntegers.ToFloats(s2), scale, TVector.Load(c + (2 * stride) + lane)));
                TVector.Store(c + (3 * stride) + lane, TVector.MultiplyAdd(TIntegers.ToFloats(s3), scale, TVector.Load(c + (3 * stride) + lane)));
            }

            panel += TFormat.IntegerBytes + PanelLayout.ScaleBytes;
            inputs += 4 * PanelLayout.GroupSize / 2;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* start, int bytes)
    {
        if (Sse.IsSupported)
        {
            for (int line = 0; line < bytes; line += CacheLine)
            {
                Sse.Prefetch0(start + line);
            }
        }
    }
}
