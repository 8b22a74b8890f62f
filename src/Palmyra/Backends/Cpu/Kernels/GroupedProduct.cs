using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

// Products with Q8 and Q4 weights: three panels of sixteen outputs an item.
// Up to four rows in all go through the panels as they are (GroupedRows). More rows share the work of widening: a stretch of the three panels'
// groups becomes pairs of 16-bit integers and float scales in the worker's scratch, 73 KB that stay in the second-level cache while all
// tiles pass (GroupedTiles). Both give the same bits: see there. At the end each row's sums are multiplied by the row's own scale, once.
internal readonly unsafe struct GroupedProduct<TVector, TIntegers, TFormat> : IProduct
    where TVector : struct, IVector<TVector>
    where TIntegers : struct, IIntegers<TIntegers, TVector>
    where TFormat : struct, IGroupFormat
{
    private const int Panels = GroupedTiles.Width / PanelLayout.PanelRows;
    private const int DepthGroups = 24;
    private const int WideLength = DepthGroups * GroupedTiles.PairsInGroup * GroupedTiles.Width;

    public static int Width => GroupedTiles.Width;

    public static int ScratchLength => WideLength + (DepthGroups * GroupedTiles.Width);

    private static int GroupBytes => TFormat.IntegerBytes + PanelLayout.ScaleBytes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(Factors* factors, float* c, nint stride, int row, int rows, int item, float* scratch)
    {
        int largest = TVector.TileRows;
        int groups = PanelLayout.Groups(factors->Depth);
        int panels = Math.Min(Panels, factors->PanelCount - (item * Panels));
        byte* panel = factors->Panels + (item * Panels * factors->PanelBytes);
        PanelProduct.Clear(c, stride, rows, Width, largest);
        int* inputs = (int*)(factors->Inputs + (row / largest * factors->TileStride));
        if (row == 0 && rows <= GroupedRows.Largest)
        {
            for (int p = 0; p < panels; p++, panel += factors->PanelBytes)
            {
                GroupedRows.Add<TVector, TIntegers, TFormat>(
                    c + (p * PanelLayout.PanelRows), stride, inputs, factors->RowOffsets, panel, groups, PanelProduct.TileOf(rows, largest));
            }
        }
        else
        {
            int* wide = (int*)scratch;
            float* scales = scratch + WideLength;
            for (int first = 0; first < groups; first += DepthGroups)
            {
                int count = Math.Min(DepthGroups, groups - first);
                Widen(wide, scales, panel + (first * GroupBytes), factors->PanelBytes, panels, count);
                int* tile = inputs;
                for (int r = 0; r < rows; r += largest, tile += factors->TileStride)
                {
                    int tileRows = PanelProduct.TileOf(rows - r, largest);
                    GroupedTiles.Add<TVector, TIntegers>(
                        c + (r * stride), stride, tile + ((nint)first * GroupedTiles.PairsInGroup * tileRows), wide, scales, count, tileRows);
                }
            }
        }

        for (int r = 0; r < rows; r++)
        {
            TVector scale = TVector.Create(factors->RowScales[row + r]);
            float* sums = c + (r * stride);
            for (int i = 0; i < Width; i += TVector.Count)
            {
                TVector.Store(sums + i, TVector.Load(sums + i) * scale);
            }
        }
    }

    /// <summary>Widens <paramref name="count"/> groups of up to three panels: integers to [pair][48], scales to [group][48]; zeros where there is no panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(int* wide, float* scales, byte* panel, nint panelBytes, int panels, int count)
    {
        if (panels < Panels)
        {
            new Span<int>(wide, count * GroupedTiles.PairsInGroup * GroupedTiles.Width).Clear();
            new Span<float>(scales, count * GroupedTiles.Width).Clear();
        }

        TIntegers low = TIntegers.Create(TFormat.Low);
        TIntegers excess = TIntegers.Create(TFormat.Excess * 0x00010001);
        for (int p = 0; p < panels; p++, panel += panelBytes)
        {
            byte* group = panel;
            int* to = wide + (p * PanelLayout.PanelRows);
            float* toScale = scales + (p * PanelLayout.PanelRows);
            for (int g = 0; g < count; g++, group += GroupBytes, toScale += GroupedTiles.Width)
            {
                for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
                {
                    int* pairs = to + lane;
                    for (int quad = 0; quad < PanelLayout.GroupSize / 8; quad++, pairs += 4 * GroupedTiles.Width)
                    {
                        TIntegers bits = TFormat.Quad<TIntegers, TVector>(group, quad, lane);
                        Store(pairs, TFormat.Pair<TIntegers, TVector>(bits, low, group, quad, 0, lane), excess);
                        Store(pairs + GroupedTiles.Width, TFormat.Pair<TIntegers, TVector>(bits, low, group, quad, 1, lane), excess);
                        Store(pairs + (2 * GroupedTiles.Width), TFormat.Pair<TIntegers, TVector>(bits, low, group, quad, 2, lane), excess);
                        Store(pairs + (3 * GroupedTiles.Width), TFormat.Pair<TIntegers, TVector>(bits, low, group, quad, 3, lane), excess);
                    }

                    TVector.Store(toScale + lane, TVector.LoadFiniteHalf((ushort*)(group + TFormat.IntegerBytes) + lane));
                }

                to += GroupedTiles.PairsInGroup * GroupedTiles.Width;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int* destination, TIntegers pair, TIntegers excess) =>
        TIntegers.Store(destination, TFormat.Excess == 0 ? pair : TIntegers.SubtractPairs(pair, excess));
}
