using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>Products with F32, F16 and BF16 weights: one panel an item, by <see cref="PanelProduct"/>.</summary>
internal readonly unsafe struct DenseProduct<TVector, TStorage> : IProduct
    where TVector : struct, IVector<TVector>
    where TStorage : struct, IStorage
{
    public static int Width => PanelProduct.PanelWidth<TVector>();

    public static int ScratchLength => PanelProduct.WideLength<TVector>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(Factors* factors, float* c, nint stride, int row, int rows, int item, float* scratch) =>
        PanelProduct.Multiply<TVector, TStorage>(
            c, stride, factors->Inputs + (row / TVector.TileRows * factors->TileStride), factors->TileStride, rows,
            factors->Panels + (item * factors->PanelBytes), factors->Depth, scratch);
}
