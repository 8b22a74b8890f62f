using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

// Many rows of 8-bit inputs times 48 outputs of widened Q4 weights: prefill, bound by arithmetic.
//
//   weights   [quad][48 outputs], each four bytes, q + 8: Q4Product widens a stretch of three panels once for all rows
//   inputs    [tile][quad][tile rows] as Packing interleaves them
//   lanes     across outputs: 48 are three vectors at 512 bits, two times three at 256, four times at 128, sixteen times one by one
//   order     as in Q4Rows: integers inside a group, then c = fma(sum, weight scale · input scale, c), groups ascending; the same bits
// 8 rows of three 512-bit vectors keep 24 sums in registers; two instructions (multiply quads, add) do four products in each lane.
// Cost: 2·rows·48·K operations; a group's weights take 1.5 KB of the nearest cache, read once for each tile.
// Measured: MEASURED_Q4TILES
internal static unsafe class Q4Tiles
{
    /// <summary>Outputs that go together: three panels.</summary>
    public const int Width = 3 * PanelLayout.PanelRows;

    /// <summary>Quads of inputs in a group.</summary>
    public const int QuadsInGroup = PanelLayout.GroupSize / 4;

    /// <summary>Adds the product of one tile to <paramref name="c"/>.</summary>
    /// <param name="c">[rows, 48] with <paramref name="stride"/>.</param>
    /// <param name="stride">Floats from a row of <paramref name="c"/> to the next.</param>
    /// <param name="inputs">[groups·8 quads][rows].</param>
    /// <param name="rowScales">[rows][rowGroups], from the first group: what a group's inputs are multiplied by.</param>
    /// <param name="offsets">[rows][rowGroups], from the first group: −8·Σ of a group's inputs.</param>
    /// <param name="rowGroups">Groups of a whole row.</param>
    /// <param name="weights">[groups·8 quads][48].</param>
    /// <param name="scales">[groups][48].</param>
    /// <param name="groups">Groups.</param>
    /// <param name="rows">Rows of the tile: 1, 2, 4 or 8.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* rowScales, int* offsets, nint rowGroups, int* weights, float* scales, int groups, int rows)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        for (int lane = 0; lane < Width; lane += 3 * TVector.Count)
        {
            switch (rows)
            {
                case 8:
                    Tile8<TVector, TIntegers>(c + lane, stride, inputs, rowScales, offsets, rowGroups, weights + lane, scales + lane, groups);
                    break;
                case 4:
                    Tile4<TVector, TIntegers>(c + lane, stride, inputs, rowScales, offsets, rowGroups, weights + lane, scales + lane, groups);
                    break;
                case 2:
                    Tile2<TVector, TIntegers>(c + lane, stride, inputs, rowScales, offsets, rowGroups, weights + lane, scales + lane, groups);
                    break;
                default:
                    Tile1<TVector, TIntegers>(c + lane, stride, inputs, rowScales, offsets, rowGroups, weights + lane, scales + lane, groups);
                    break;
            }
        }
    }

    /// <summary>1 row of the tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* rowScales, int* offsets, nint rowGroups, int* weights, float* scales, int groups)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        int lanes = TVector.Count;
        TIntegers ones = TIntegers.Create(Q4Product.Ones);
        for (int group = 0; group < groups; group++)
        {
            TIntegers s00 = TIntegers.Zero;
            TIntegers s01 = TIntegers.Zero;
            TIntegers s02 = TIntegers.Zero;
            int* end = weights + (QuadsInGroup * Width);
            while (weights != end)
            {
                TIntegers w0 = TIntegers.Load(weights);
                TIntegers w1 = TIntegers.Load(weights + lanes);
                TIntegers w2 = TIntegers.Load(weights + (2 * lanes));
                TIntegers x = TIntegers.Create(*inputs);
                s00 = TIntegers.AddPairs(s00, TIntegers.MultiplyQuads(w0, x));
                s01 = TIntegers.AddPairs(s01, TIntegers.MultiplyQuads(w1, x));
                s02 = TIntegers.AddPairs(s02, TIntegers.MultiplyQuads(w2, x));
                inputs++;
                weights += Width;
            }

            TVector d0 = TVector.Load(scales);
            TVector d1 = TVector.Load(scales + lanes);
            TVector d2 = TVector.Load(scales + (2 * lanes));
            Finish(c, s00, s01, s02, ones, offsets[group], d0, d1, d2, rowScales[group]);
            scales += Width;
        }
    }

    /// <summary>2 rows of the tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile2<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* rowScales, int* offsets, nint rowGroups, int* weights, float* scales, int groups)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        int lanes = TVector.Count;
        TIntegers ones = TIntegers.Create(Q4Product.Ones);
        for (int group = 0; group < groups; group++)
        {
            TIntegers s00 = TIntegers.Zero;
            TIntegers s01 = TIntegers.Zero;
            TIntegers s02 = TIntegers.Zero;
            TIntegers s10 = TIntegers.Zero;
            TIntegers s11 = TIntegers.Zero;
            TIntegers s12 = TIntegers.Zero;
            int* end = weights + (QuadsInGroup * Width);
            while (weights != end)
            {
                TIntegers w0 = TIntegers.Load(weights);
                TIntegers w1 = TIntegers.Load(weights + lanes);
                TIntegers w2 = TIntegers.Load(weights + (2 * lanes));
                TIntegers x = TIntegers.Create(*inputs);
                s00 = TIntegers.AddPairs(s00, TIntegers.MultiplyQuads(w0, x));
                s01 = TIntegers.AddPairs(s01, TIntegers.MultiplyQuads(w1, x));
                s02 = TIntegers.AddPairs(s02, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[1]);
                s10 = TIntegers.AddPairs(s10, TIntegers.MultiplyQuads(w0, x));
                s11 = TIntegers.AddPairs(s11, TIntegers.MultiplyQuads(w1, x));
                s12 = TIntegers.AddPairs(s12, TIntegers.MultiplyQuads(w2, x));
                inputs += 2;
                weights += Width;
            }

            TVector d0 = TVector.Load(scales);
            TVector d1 = TVector.Load(scales + lanes);
            TVector d2 = TVector.Load(scales + (2 * lanes));
            Finish(c, s00, s01, s02, ones, offsets[group], d0, d1, d2, rowScales[group]);
            Finish(c + stride, s10, s11, s12, ones, offsets[rowGroups + group], d0, d1, d2, rowScales[rowGroups + group]);
            scales += Width;
        }
    }

    /// <summary>4 rows of the tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* rowScales, int* offsets, nint rowGroups, int* weights, float* scales, int groups)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        int lanes = TVector.Count;
        TIntegers ones = TIntegers.Create(Q4Product.Ones);
        for (int group = 0; group < groups; group++)
        {
            TIntegers s00 = TIntegers.Zero;
            TIntegers s01 = TIntegers.Zero;
            TIntegers s02 = TIntegers.Zero;
            TIntegers s10 = TIntegers.Zero;
            TIntegers s11 = TIntegers.Zero;
            TIntegers s12 = TIntegers.Zero;
            TIntegers s20 = TIntegers.Zero;
            TIntegers s21 = TIntegers.Zero;
            TIntegers s22 = TIntegers.Zero;
            TIntegers s30 = TIntegers.Zero;
            TIntegers s31 = TIntegers.Zero;
            TIntegers s32 = TIntegers.Zero;
            int* end = weights + (QuadsInGroup * Width);
            while (weights != end)
            {
                TIntegers w0 = TIntegers.Load(weights);
                TIntegers w1 = TIntegers.Load(weights + lanes);
                TIntegers w2 = TIntegers.Load(weights + (2 * lanes));
                TIntegers x = TIntegers.Create(*inputs);
                s00 = TIntegers.AddPairs(s00, TIntegers.MultiplyQuads(w0, x));
                s01 = TIntegers.AddPairs(s01, TIntegers.MultiplyQuads(w1, x));
                s02 = TIntegers.AddPairs(s02, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[1]);
                s10 = TIntegers.AddPairs(s10, TIntegers.MultiplyQuads(w0, x));
                s11 = TIntegers.AddPairs(s11, TIntegers.MultiplyQuads(w1, x));
                s12 = TIntegers.AddPairs(s12, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[2]);
                s20 = TIntegers.AddPairs(s20, TIntegers.MultiplyQuads(w0, x));
                s21 = TIntegers.AddPairs(s21, TIntegers.MultiplyQuads(w1, x));
                s22 = TIntegers.AddPairs(s22, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[3]);
                s30 = TIntegers.AddPairs(s30, TIntegers.MultiplyQuads(w0, x));
                s31 = TIntegers.AddPairs(s31, TIntegers.MultiplyQuads(w1, x));
                s32 = TIntegers.AddPairs(s32, TIntegers.MultiplyQuads(w2, x));
                inputs += 4;
                weights += Width;
            }

            TVector d0 = TVector.Load(scales);
            TVector d1 = TVector.Load(scales + lanes);
            TVector d2 = TVector.Load(scales + (2 * lanes));
            Finish(c, s00, s01, s02, ones, offsets[group], d0, d1, d2, rowScales[group]);
            Finish(c + stride, s10, s11, s12, ones, offsets[rowGroups + group], d0, d1, d2, rowScales[rowGroups + group]);
            Finish(c + (2 * stride), s20, s21, s22, ones, offsets[(2 * rowGroups) + group], d0, d1, d2, rowScales[(2 * rowGroups) + group]);
            Finish(c + (3 * stride), s30, s31, s32, ones, offsets[(3 * rowGroups) + group], d0, d1, d2, rowScales[(3 * rowGroups) + group]);
            scales += Width;
        }
    }

    /// <summary>8 rows of the tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8<TVector, TIntegers>(
        float* c, nint stride, int* inputs, float* rowScales, int* offsets, nint rowGroups, int* weights, float* scales, int groups)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        int lanes = TVector.Count;
        TIntegers ones = TIntegers.Create(Q4Product.Ones);
        for (int group = 0; group < groups; group++)
        {
            TIntegers s00 = TIntegers.Zero;
            TIntegers s01 = TIntegers.Zero;
            TIntegers s02 = TIntegers.Zero;
            TIntegers s10 = TIntegers.Zero;
            TIntegers s11 = TIntegers.Zero;
            TIntegers s12 = TIntegers.Zero;
            TIntegers s20 = TIntegers.Zero;
            TIntegers s21 = TIntegers.Zero;
            TIntegers s22 = TIntegers.Zero;
            TIntegers s30 = TIntegers.Zero;
            TIntegers s31 = TIntegers.Zero;
            TIntegers s32 = TIntegers.Zero;
            TIntegers s40 = TIntegers.Zero;
            TIntegers s41 = TIntegers.Zero;
            TIntegers s42 = TIntegers.Zero;
            TIntegers s50 = TIntegers.Zero;
            TIntegers s51 = TIntegers.Zero;
            TIntegers s52 = TIntegers.Zero;
            TIntegers s60 = TIntegers.Zero;
            TIntegers s61 = TIntegers.Zero;
            TIntegers s62 = TIntegers.Zero;
            TIntegers s70 = TIntegers.Zero;
            TIntegers s71 = TIntegers.Zero;
            TIntegers s72 = TIntegers.Zero;
            int* end = weights + (QuadsInGroup * Width);
            while (weights != end)
            {
                TIntegers w0 = TIntegers.Load(weights);
                TIntegers w1 = TIntegers.Load(weights + lanes);
                TIntegers w2 = TIntegers.Load(weights + (2 * lanes));
                TIntegers x = TIntegers.Create(*inputs);
                s00 = TIntegers.AddPairs(s00, TIntegers.MultiplyQuads(w0, x));
                s01 = TIntegers.AddPairs(s01, TIntegers.MultiplyQuads(w1, x));
                s02 = TIntegers.AddPairs(s02, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[1]);
                s10 = TIntegers.AddPairs(s10, TIntegers.MultiplyQuads(w0, x));
                s11 = TIntegers.AddPairs(s11, TIntegers.MultiplyQuads(w1, x));
                s12 = TIntegers.AddPairs(s12, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[2]);
                s20 = TIntegers.AddPairs(s20, TIntegers.MultiplyQuads(w0, x));
                s21 = TIntegers.AddPairs(s21, TIntegers.MultiplyQuads(w1, x));
                s22 = TIntegers.AddPairs(s22, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[3]);
                s30 = TIntegers.AddPairs(s30, TIntegers.MultiplyQuads(w0, x));
                s31 = TIntegers.AddPairs(s31, TIntegers.MultiplyQuads(w1, x));
                s32 = TIntegers.AddPairs(s32, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[4]);
                s40 = TIntegers.AddPairs(s40, TIntegers.MultiplyQuads(w0, x));
                s41 = TIntegers.AddPairs(s41, TIntegers.MultiplyQuads(w1, x));
                s42 = TIntegers.AddPairs(s42, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[5]);
                s50 = TIntegers.AddPairs(s50, TIntegers.MultiplyQuads(w0, x));
                s51 = TIntegers.AddPairs(s51, TIntegers.MultiplyQuads(w1, x));
                s52 = TIntegers.AddPairs(s52, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[6]);
                s60 = TIntegers.AddPairs(s60, TIntegers.MultiplyQuads(w0, x));
                s61 = TIntegers.AddPairs(s61, TIntegers.MultiplyQuads(w1, x));
                s62 = TIntegers.AddPairs(s62, TIntegers.MultiplyQuads(w2, x));
                x = TIntegers.Create(inputs[7]);
                s70 = TIntegers.AddPairs(s70, TIntegers.MultiplyQuads(w0, x));
                s71 = TIntegers.AddPairs(s71, TIntegers.MultiplyQuads(w1, x));
                s72 = TIntegers.AddPairs(s72, TIntegers.MultiplyQuads(w2, x));
                inputs += 8;
                weights += Width;
            }

            TVector d0 = TVector.Load(scales);
            TVector d1 = TVector.Load(scales + lanes);
            TVector d2 = TVector.Load(scales + (2 * lanes));
            Finish(c, s00, s01, s02, ones, offsets[group], d0, d1, d2, rowScales[group]);
            Finish(c + stride, s10, s11, s12, ones, offsets[rowGroups + group], d0, d1, d2, rowScales[rowGroups + group]);
            Finish(c + (2 * stride), s20, s21, s22, ones, offsets[(2 * rowGroups) + group], d0, d1, d2, rowScales[(2 * rowGroups) + group]);
            Finish(c + (3 * stride), s30, s31, s32, ones, offsets[(3 * rowGroups) + group], d0, d1, d2, rowScales[(3 * rowGroups) + group]);
            Finish(c + (4 * stride), s40, s41, s42, ones, offsets[(4 * rowGroups) + group], d0, d1, d2, rowScales[(4 * rowGroups) + group]);
            Finish(c + (5 * stride), s50, s51, s52, ones, offsets[(5 * rowGroups) + group], d0, d1, d2, rowScales[(5 * rowGroups) + group]);
            Finish(c + (6 * stride), s60, s61, s62, ones, offsets[(6 * rowGroups) + group], d0, d1, d2, rowScales[(6 * rowGroups) + group]);
            Finish(c + (7 * stride), s70, s71, s72, ones, offsets[(7 * rowGroups) + group], d0, d1, d2, rowScales[(7 * rowGroups) + group]);
            scales += Width;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TVector, TIntegers>(
        float* c, TIntegers s0, TIntegers s1, TIntegers s2, TIntegers ones, int offset, TVector d0, TVector d1, TVector d2, float rowScale)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        int lanes = TVector.Count;
        Q4Product.Finish(c, s0, ones, offset, d0, rowScale);
        Q4Product.Finish(c + lanes, s1, ones, offset, d1, rowScale);
        Q4Product.Finish(c + (2 * lanes), s2, ones, offset, d2, rowScale);
    }
}
