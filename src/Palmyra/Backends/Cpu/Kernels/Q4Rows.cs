using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

// Up to four rows of 8-bit inputs times one panel of Q4 weights, straight from the panel: decoding, bound by memory.
//
//   weights   PanelLayout: a mask, or a shift and a mask, leave in each byte q + 8 of one input: four inputs for each output of the vector
//   inputs    [quad][rows], each four signed bytes (QuantizeRowsJob); one quad of a row is multiplied into all lanes
//   order     products of a group add up exactly in 16 bits (32·15·127/2 = 30480), then in 32; −8·Σ inputs, the offset, takes the 8 off
//             again. Then c = fma(sum, weight scale · input scale, c), groups ascending. The bits equal those of Q4Tiles
//   tails     columns beyond K are zero inputs; rows beyond M are zero inputs
// Narrower vectors pass the panel several times, each time for other outputs, which the caches mostly still hold after the first.
// Cost: for 16 outputs and 32 inputs 288 bytes and about 45 instructions at 512 bits.
// Measured: 4096 x 16384 from memory 90-93 % of the read bandwidth of the same run (29-30 GB/s), from cache 37 GB/s, one thread;
// 2-core AVX-512 machine (shared), November 2026.
internal static unsafe class Q4Rows
{
    /// <summary>The most rows.</summary>
    public const int Largest = 4;

    /// <summary>Adds the product of <paramref name="rows"/> rows (1, 2 or 4) and one panel to <paramref name="c"/>.</summary>
    /// <param name="c">[rows, 16] with <paramref name="stride"/>.</param>
    /// <param name="stride">Floats from a row of <paramref name="c"/> to the next.</param>
    /// <param name="inputs">[groups·8 quads][rows].</param>
    /// <param name="inputScales">[rows][groups]: what a group's inputs are multiplied by.</param>
    /// <param name="offsets">[rows][groups]: −8·Σ of a group's inputs.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="groups">Groups of the matrix.</param>
    /// <param name="rows">Rows.</param>
    /// <remarks>
    /// Constants go to the loops as arguments, so that the compiler keeps them in registers: it would load each from memory at every use.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* inputScales, int* offsets, byte* panel, int groups, int rows)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        switch (rows)
        {
            case 4:
                Rows4<TVector, TIntegers>(
                    c, stride, inputs, inputScales, offsets, panel, groups,
                    Q4Product.Nibbles, Q4Product.Ones, RaisedHalf.Mask, RaisedHalf.Factor);
                break;
            case 2:
                Rows2<TVector, TIntegers>(
                    c, stride, inputs, inputScales, offsets, panel, groups,
                    Q4Product.Nibbles, Q4Product.Ones, RaisedHalf.Mask, RaisedHalf.Factor);
                break;
            default:
                Rows1<TVector, TIntegers>(
                    c, stride, inputs, inputScales, offsets, panel, groups,
                    Q4Product.Nibbles, Q4Product.Ones, RaisedHalf.Mask, RaisedHalf.Factor);
                break;
        }
    }

    /// <summary>One row by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* inputScales, int* offsets, byte* panel, int groups,
        int nibbles, int unit, int scaleMask, float scaleFactor)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers low = TIntegers.Create(nibbles);
        TIntegers ones = TIntegers.Create(unit);
        TIntegers mask = TIntegers.Create(scaleMask);
        TVector factor = TVector.Create(scaleFactor);
        for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
        {
            TVector c0 = TVector.Load(c + lane);
            byte* words = panel + (4 * lane);
            ushort* scales = (ushort*)(panel + PanelLayout.Q4IntegerBytes) + lane;
            int* a = inputs;
            for (int group = 0; group < groups; group++)
            {
                WeightPrefetch.Lines(words, PanelLayout.Q4WordBytes);
                TIntegers bits = TIntegers.Load(words);
                TIntegers w = bits & low;
                TIntegers s0 = TIntegers.MultiplyQuads(w, TIntegers.Create(*a));
                w = TIntegers.ShiftRight(bits, 4) & low;
                TIntegers t0 = TIntegers.MultiplyQuads(w, TIntegers.Create(a[1]));
                WeightPrefetch.Lines(words + PanelLayout.Q4WordBytes, PanelLayout.Q4WordBytes);
                bits = TIntegers.Load(words + PanelLayout.Q4WordBytes);
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[2])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                t0 = TIntegers.AddPairs(t0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[3])));
                WeightPrefetch.Lines(words + (2 * PanelLayout.Q4WordBytes), PanelLayout.Q4WordBytes);
                bits = TIntegers.Load(words + (2 * PanelLayout.Q4WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[4])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                t0 = TIntegers.AddPairs(t0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[5])));
                WeightPrefetch.Lines(words + (3 * PanelLayout.Q4WordBytes), PanelLayout.Q4WordBytes);
                bits = TIntegers.Load(words + (3 * PanelLayout.Q4WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[6])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                t0 = TIntegers.AddPairs(t0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[7])));
                s0 = TIntegers.AddPairs(s0, t0);
                WeightPrefetch.Lines(words + PanelLayout.Q4IntegerBytes, PanelLayout.ScaleBytes);
                TVector scale = TIntegers.AsFloats(TIntegers.LoadRaised(scales) & mask) * factor;
                c0 = Q4Product.Add(c0, s0, ones, offsets[group], scale, inputScales[group]);
                words += PanelLayout.Q4GroupBytes;
                scales += PanelLayout.Q4GroupBytes / sizeof(ushort);
                a += 1 * Q4Tiles.QuadsInGroup;
            }

            TVector.Store(c + lane, c0);
        }
    }

    /// <summary>2 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* inputScales, int* offsets, byte* panel, int groups,
        int nibbles, int unit, int scaleMask, float scaleFactor)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers low = TIntegers.Create(nibbles);
        TIntegers ones = TIntegers.Create(unit);
        TIntegers mask = TIntegers.Create(scaleMask);
        TVector factor = TVector.Create(scaleFactor);
        for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
        {
            TVector c0 = TVector.Load(c + lane);
            TVector c1 = TVector.Load(c + stride + lane);
            byte* words = panel + (4 * lane);
            ushort* scales = (ushort*)(panel + PanelLayout.Q4IntegerBytes) + lane;
            int* a = inputs;
            for (int group = 0; group < groups; group++)
            {
                WeightPrefetch.Lines(words, PanelLayout.Q4WordBytes);
                TIntegers bits = TIntegers.Load(words);
                TIntegers w = bits & low;
                TIntegers s0 = TIntegers.MultiplyQuads(w, TIntegers.Create(*a));
                TIntegers s1 = TIntegers.MultiplyQuads(w, TIntegers.Create(a[1]));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[2])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[3])));
                WeightPrefetch.Lines(words + PanelLayout.Q4WordBytes, PanelLayout.Q4WordBytes);
                bits = TIntegers.Load(words + PanelLayout.Q4WordBytes);
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[4])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[5])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[6])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[7])));
                WeightPrefetch.Lines(words + (2 * PanelLayout.Q4WordBytes), PanelLayout.Q4WordBytes);
                bits = TIntegers.Load(words + (2 * PanelLayout.Q4WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[8])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[9])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[10])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[11])));
                WeightPrefetch.Lines(words + (3 * PanelLayout.Q4WordBytes), PanelLayout.Q4WordBytes);
                bits = TIntegers.Load(words + (3 * PanelLayout.Q4WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[12])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[13])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[14])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[15])));
                WeightPrefetch.Lines(words + PanelLayout.Q4IntegerBytes, PanelLayout.ScaleBytes);
                TVector scale = TIntegers.AsFloats(TIntegers.LoadRaised(scales) & mask) * factor;
                c0 = Q4Product.Add(c0, s0, ones, offsets[group], scale, inputScales[group]);
                c1 = Q4Product.Add(c1, s1, ones, offsets[groups + group], scale, inputScales[groups + group]);
                words += PanelLayout.Q4GroupBytes;
                scales += PanelLayout.Q4GroupBytes / sizeof(ushort);
                a += 2 * Q4Tiles.QuadsInGroup;
            }

            TVector.Store(c + lane, c0);
            TVector.Store(c + stride + lane, c1);
        }
    }

    /// <summary>4 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* inputScales, int* offsets, byte* panel, int groups,
        int nibbles, int unit, int scaleMask, float scaleFactor)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers low = TIntegers.Create(nibbles);
        TIntegers ones = TIntegers.Create(unit);
        TIntegers mask = TIntegers.Create(scaleMask);
        TVector factor = TVector.Create(scaleFactor);
        for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
        {
            TVector c0 = TVector.Load(c + lane);
            TVector c1 = TVector.Load(c + stride + lane);
            TVector c2 = TVector.Load(c + (2 * stride) + lane);
            TVector c3 = TVector.Load(c + (3 * stride) + lane);
            byte* words = panel + (4 * lane);
            ushort* scales = (ushort*)(panel + PanelLayout.Q4IntegerBytes) + lane;
            int* a = inputs;
            for (int group = 0; group < groups; group++)
            {
                WeightPrefetch.Lines(words, PanelLayout.Q4WordBytes);
                TIntegers bits = TIntegers.Load(words);
                TIntegers w = bits & low;
                TIntegers s0 = TIntegers.MultiplyQuads(w, TIntegers.Create(*a));
                TIntegers s1 = TIntegers.MultiplyQuads(w, TIntegers.Create(a[1]));
                TIntegers s2 = TIntegers.MultiplyQuads(w, TIntegers.Create(a[2]));
                TIntegers s3 = TIntegers.MultiplyQuads(w, TIntegers.Create(a[3]));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[4])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[5])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(a[6])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(a[7])));
                WeightPrefetch.Lines(words + PanelLayout.Q4WordBytes, PanelLayout.Q4WordBytes);
                bits = TIntegers.Load(words + PanelLayout.Q4WordBytes);
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[8])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[9])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(a[10])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(a[11])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[12])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[13])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(a[14])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(a[15])));
                WeightPrefetch.Lines(words + (2 * PanelLayout.Q4WordBytes), PanelLayout.Q4WordBytes);
                bits = TIntegers.Load(words + (2 * PanelLayout.Q4WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[16])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[17])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(a[18])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(a[19])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[20])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[21])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(a[22])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(a[23])));
                WeightPrefetch.Lines(words + (3 * PanelLayout.Q4WordBytes), PanelLayout.Q4WordBytes);
                bits = TIntegers.Load(words + (3 * PanelLayout.Q4WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[24])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[25])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(a[26])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(a[27])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(a[28])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(a[29])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(a[30])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(a[31])));
                WeightPrefetch.Lines(words + PanelLayout.Q4IntegerBytes, PanelLayout.ScaleBytes);
                TVector scale = TIntegers.AsFloats(TIntegers.LoadRaised(scales) & mask) * factor;
                c0 = Q4Product.Add(c0, s0, ones, offsets[group], scale, inputScales[group]);
                c1 = Q4Product.Add(c1, s1, ones, offsets[groups + group], scale, inputScales[groups + group]);
                c2 = Q4Product.Add(c2, s2, ones, offsets[(2 * (nint)groups) + group], scale, inputScales[(2 * (nint)groups) + group]);
                c3 = Q4Product.Add(c3, s3, ones, offsets[(3 * (nint)groups) + group], scale, inputScales[(3 * (nint)groups) + group]);
                words += PanelLayout.Q4GroupBytes;
                scales += PanelLayout.Q4GroupBytes / sizeof(ushort);
                a += 4 * Q4Tiles.QuadsInGroup;
            }

            TVector.Store(c + lane, c0);
            TVector.Store(c + stride + lane, c1);
            TVector.Store(c + (2 * stride) + lane, c2);
            TVector.Store(c + (3 * stride) + lane, c3);
        }
    }
}
