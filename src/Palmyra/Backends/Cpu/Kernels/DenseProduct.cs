using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>Products with F32 weights: one panel an item, by <see cref="PanelProduct"/>.</summary>
internal readonly unsafe struct DenseProduct<TVector> : IProduct
    where TVector : struct, IVector<TVector>
{
    public static int Width => PanelProduct.PanelWidth<TVector>();

    public static int ScratchLength => 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(Factors* factors, float* c, nint stride, int row, int rows, int item, float* scratch)
    {
        float* inputs = factors->Inputs + (row / TVector.TileRows * factors->TileStride);
        float* panel = (float*)(factors->Panels + (item * factors->PanelBytes));
        PanelProduct.Clear(c, stride, rows, Width, TVector.TileRows);

        // A panel that few rows pass once is read in one run; many rows pass it in blocks that stay in the cache.
        int block = rows <= TVector.TileRows ? factors->Depth : PanelProduct.DepthBlock;
        for (int first = 0; first < factors->Depth; first += block)
        {
            PanelProduct.Add<TVector>(
                c, stride, inputs, factors->TileStride, rows, panel + ((nint)first * Width), first, Math.Min(block, factors->Depth - first));
        }
    }
}
