using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// Products with F16 and BF16 weights: one panel an item. Few rows, at most a tile, go through the panel as it is (NarrowRows); for more, a
// stretch of the panel's depth is widened to floats once, in the worker's scratch, and all tiles pass it there (PanelProduct). Both add the same
// products in the same order. Cost of widening: 6 bytes written or read a weight, against 2·rows operations.
internal readonly unsafe struct NarrowProduct<TVector, TIntegers, TNarrow> : IProduct
    where TVector : struct, IVector<TVector>
    where TIntegers : struct, IIntegers<TIntegers, TVector>
    where TNarrow : struct, INarrow
{
    public static int Width => PanelProduct.PanelWidth<TVector>();

    public static int ScratchLength => PanelProduct.DepthBlock * Width;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(Factors* factors, float* c, nint stride, int row, int rows, int item, float* scratch)
    {
        float* inputs = factors->Inputs + (row / TVector.TileRows * factors->TileStride);
        uint* panel = (uint*)(factors->Panels + (item * factors->PanelBytes));
        PanelProduct.Clear(c, stride, rows, Width, TVector.TileRows);
        if (rows <= Math.Min(TNarrow.RowsAtOnce, TVector.TileRows))
        {
            NarrowRows.Add<TVector, TIntegers, TNarrow>(c, stride, inputs, panel, factors->Depth, PanelProduct.TileOf(rows, TVector.TileRows));
            return;
        }

        for (int first = 0; first < factors->Depth; first += PanelProduct.DepthBlock)
        {
            int block = Math.Min(PanelProduct.DepthBlock, factors->Depth - first);
            Widen(scratch, panel + ((nint)first / 2 * Width), (block + 1) / 2, TNarrow.Mask, TNarrow.Factor);
            PanelProduct.Add<TVector>(c, stride, inputs, factors->TileStride, rows, scratch, first, block);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(float* wide, uint* panel, int pairs, int maskBits, float scale)
    {
        int width = PanelProduct.PanelVectors * TVector.Count;
        TIntegers mask = TIntegers.Create(maskBits);
        TVector factor = TVector.Create(scale);
        for (int pair = 0; pair < pairs; pair++, wide += 2 * width, panel += width)
        {
            for (int i = 0; i < width; i += TVector.Count)
            {
                TIntegers bits = TIntegers.Load(panel + i);
                TVector.Store(wide + i, TNarrow.First(bits, mask, factor));
                TVector.Store(wide + width + i, TNarrow.Second(bits, mask, factor));
            }
        }
    }
}
