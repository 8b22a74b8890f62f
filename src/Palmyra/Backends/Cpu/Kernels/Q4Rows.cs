using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
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
// The sums of a panel stay in c, in the nearest cache, between groups.
// Cost: for 16 outputs and 32 inputs 288 bytes and about 45 instructions at 512 bits.
// Measured: MEASURED_Q4ROWS
internal static unsafe class Q4Rows
{
    /// <summary>The most rows.</summary>
    public const int Largest = 4;

    /// <summary>How far ahead of its reading a panel is asked for: hides the memory's latency, stays inside the nearest cache.</summary>
    private const int PrefetchDistance = 4096;

    private const int CacheLine = 64;
    private const int QuadsInGroup = PanelLayout.GroupSize / 4;
    private const int WordBytes = 4 * PanelLayout.PanelRows;
    private const int IntegerBytes = QuadsInGroup / 2 * WordBytes;
    private const int GroupBytes = IntegerBytes + PanelLayout.ScaleBytes;

    /// <summary>Adds the product of <paramref name="rows"/> rows (1, 2 or 4) and one panel to <paramref name="c"/>.</summary>
    /// <param name="c">[rows, 16] with <paramref name="stride"/>.</param>
    /// <param name="stride">Floats from a row of <paramref name="c"/> to the next.</param>
    /// <param name="inputs">[groups·8 quads][rows].</param>
    /// <param name="scales">[rows][groups]: what a group's inputs are multiplied by.</param>
    /// <param name="offsets">[rows][groups]: −8·Σ of a group's inputs.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="groups">Groups of the matrix.</param>
    /// <param name="rows">Rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TVector, TIntegers>(float* c, nint stride, int* inputs, float* scales, int* offsets, byte* panel, int groups, int rows)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        switch (rows)
        {
            case 4:
                Rows4<TVector, TIntegers>(c, stride, inputs, scales, offsets, panel, groups, Q4Product.Nibbles);
                break;
            case 2:
                Rows2<TVector, TIntegers>(c, stride, inputs, scales, offsets, panel, groups, Q4Product.Nibbles);
                break;
            default:
                Rows1<TVector, TIntegers>(c, stride, inputs, scales, offsets, panel, groups, Q4Product.Nibbles);
                break;
        }
    }

    /// <summary>One row by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* scales, int* offsets, byte* panel, int groups, int nibbles)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers low = TIntegers.Create(nibbles);
        TIntegers ones = TIntegers.Create(Q4Product.Ones);
        for (int group = 0; group < groups; group++)
        {
            Prefetch(panel + PrefetchDistance);
            for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
            {
                byte* words = panel + (4 * lane);
                TIntegers bits = TIntegers.Load(words);
                TIntegers w = bits & low;
                TIntegers s0 = TIntegers.MultiplyQuads(w, TIntegers.Create(*inputs));
                w = TIntegers.ShiftRight(bits, 4) & low;
                TIntegers t0 = TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[1]));
                bits = TIntegers.Load(words + WordBytes);
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[2])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                t0 = TIntegers.AddPairs(t0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[3])));
                bits = TIntegers.Load(words + (2 * WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[4])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                t0 = TIntegers.AddPairs(t0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[5])));
                bits = TIntegers.Load(words + (3 * WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[6])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                t0 = TIntegers.AddPairs(t0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[7])));
                s0 = TIntegers.AddPairs(s0, t0);
                TVector scale = TVector.LoadFiniteHalf((ushort*)(panel + IntegerBytes) + lane);
                Q4Product.Finish(c + lane, s0, ones, offsets[group], scale, scales[group]);
            }

            panel += GroupBytes;
            inputs += 1 * QuadsInGroup;
        }
    }

    /// <summary>2 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* scales, int* offsets, byte* panel, int groups, int nibbles)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers low = TIntegers.Create(nibbles);
        TIntegers ones = TIntegers.Create(Q4Product.Ones);
        for (int group = 0; group < groups; group++)
        {
            Prefetch(panel + PrefetchDistance);
            for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
            {
                byte* words = panel + (4 * lane);
                TIntegers bits = TIntegers.Load(words);
                TIntegers w = bits & low;
                TIntegers s0 = TIntegers.MultiplyQuads(w, TIntegers.Create(*inputs));
                TIntegers s1 = TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[1]));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[2])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[3])));
                bits = TIntegers.Load(words + WordBytes);
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[4])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[5])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[6])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[7])));
                bits = TIntegers.Load(words + (2 * WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[8])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[9])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[10])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[11])));
                bits = TIntegers.Load(words + (3 * WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[12])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[13])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[14])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[15])));
                TVector scale = TVector.LoadFiniteHalf((ushort*)(panel + IntegerBytes) + lane);
                Q4Product.Finish(c + lane, s0, ones, offsets[group], scale, scales[group]);
                Q4Product.Finish(c + stride + lane, s1, ones, offsets[groups + group], scale, scales[groups + group]);
            }

            panel += GroupBytes;
            inputs += 2 * QuadsInGroup;
        }
    }

    /// <summary>4 rows by one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* scales, int* offsets, byte* panel, int groups, int nibbles)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers low = TIntegers.Create(nibbles);
        TIntegers ones = TIntegers.Create(Q4Product.Ones);
        for (int group = 0; group < groups; group++)
        {
            Prefetch(panel + PrefetchDistance);
            for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
            {
                byte* words = panel + (4 * lane);
                TIntegers bits = TIntegers.Load(words);
                TIntegers w = bits & low;
                TIntegers s0 = TIntegers.MultiplyQuads(w, TIntegers.Create(*inputs));
                TIntegers s1 = TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[1]));
                TIntegers s2 = TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[2]));
                TIntegers s3 = TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[3]));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[4])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[5])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[6])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[7])));
                bits = TIntegers.Load(words + WordBytes);
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[8])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[9])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[10])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[11])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[12])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[13])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[14])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[15])));
                bits = TIntegers.Load(words + (2 * WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[16])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[17])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[18])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[19])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[20])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[21])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[22])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[23])));
                bits = TIntegers.Load(words + (3 * WordBytes));
                w = bits & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[24])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[25])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[26])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[27])));
                w = TIntegers.ShiftRight(bits, 4) & low;
                s0 = TIntegers.AddPairs(s0, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[28])));
                s1 = TIntegers.AddPairs(s1, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[29])));
                s2 = TIntegers.AddPairs(s2, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[30])));
                s3 = TIntegers.AddPairs(s3, TIntegers.MultiplyQuads(w, TIntegers.Create(inputs[31])));
                TVector scale = TVector.LoadFiniteHalf((ushort*)(panel + IntegerBytes) + lane);
                Q4Product.Finish(c + lane, s0, ones, offsets[group], scale, scales[group]);
                Q4Product.Finish(c + stride + lane, s1, ones, offsets[groups + group], scale, scales[groups + group]);
                Q4Product.Finish(c + (2 * stride) + lane, s2, ones, offsets[(2 * (nint)groups) + group], scale, scales[(2 * (nint)groups) + group]);
                Q4Product.Finish(c + (3 * stride) + lane, s3, ones, offsets[(3 * (nint)groups) + group], scale, scales[(3 * (nint)groups) + group]);
            }

            panel += GroupBytes;
            inputs += 4 * QuadsInGroup;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* start)
    {
        if (Sse.IsSupported)
        {
            for (int line = 0; line < GroupBytes; line += CacheLine)
            {
                Sse.Prefetch0(start + line);
            }
        }
    }
}
