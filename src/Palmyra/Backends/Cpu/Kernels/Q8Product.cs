using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

// Products with Q8 weights: three panels of sixteen outputs an item, inputs as 16-bit integers with one scale a row.
// Up to four rows in all go through the panels as they are (Q8Rows). More rows share the work of widening: a stretch of the three panels'
// groups becomes pairs of 16-bit integers and float scales in the worker's scratch, 78 KB that stay in the second-level cache while all
// tiles pass (Q8Tiles). Both give the same bits: see there. At the end each row's sums are multiplied by the row's own scale, once.
internal readonly unsafe struct Q8Product<TVector, TIntegers> : IProduct
    where TVector : struct, IVector<TVector>
    where TIntegers : struct, IIntegers<TIntegers, TVector>
{
    private const int Panels = Q8Tiles.Width / PanelLayout.PanelRows;
    private const int DepthGroups = 24;
    private const int WideLength = DepthGroups * Q8Tiles.PairsInGroup * Q8Tiles.Width;

    public static int Width => Q8Tiles.Width;

    public static int ScratchLength => WideLength + (DepthGroups * Q8Tiles.Width);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(Factors* factors, float* c, nint stride, int row, int rows, int item, float* scratch)
    {
        int largest = TVector.TileRows;
        int groups = PanelLayout.Groups(factors->Depth);
        int panels = Math.Min(Panels, factors->PanelCount - (item * Panels));
        byte* panel = factors->Panels + (item * Panels * factors->PanelBytes);
        int* inputs = (int*)(factors->Inputs + (row / largest * factors->TileStride));
        PanelProduct.Clear(c, stride, rows, Width, largest);
        if (row == 0 && rows <= Q8Rows.Largest)
        {
            for (int p = 0; p < panels; p++, panel += factors->PanelBytes)
            {
                Q8Rows.Add<TVector, TIntegers>(
                    c + (p * PanelLayout.PanelRows), stride, inputs, panel, groups, PanelProduct.TileOf(rows, largest));
            }
        }
        else
        {
            int* wide = (int*)scratch;
            float* scales = scratch + WideLength;
            for (int first = 0; first < groups; first += DepthGroups)
            {
                int count = Math.Min(DepthGroups, groups - first);
                Widen(wide, scales, panel + (first * PanelLayout.Q8GroupBytes), factors->PanelBytes, panels, count);
                int* tile = inputs;
                for (int r = 0; r < rows; r += largest, tile += factors->TileStride)
                {
                    int tileRows = PanelProduct.TileOf(rows - r, largest);
                    Q8Tiles.Add<TVector, TIntegers>(
                        c + (r * stride), stride, tile + ((nint)first * Q8Tiles.PairsInGroup * tileRows), wide, scales, count, tileRows);
                }
            }
        }

        for (int r = 0; r < rows; r++)
        {
            TVector scale = TVector.Create(factors->InputScales[row + r]);
            float* sums = c + (r * stride);
            for (int i = 0; i < Width; i += TVector.Count)
            {
                TVector.Store(sums + i, TVector.Load(sums + i) * scale);
            }
        }
    }

    /// <summary>Widens groups of up to three panels: integers to [pair][48], scales to [group][48]; zeros where there is no panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(int* wide, float* scales, byte* panel, nint panelBytes, int panels, int count)
    {
        if (panels < Panels)
        {
            new Span<int>(wide, count * Q8Tiles.PairsInGroup * Q8Tiles.Width).Clear();
            new Span<float>(scales, count * Q8Tiles.Width).Clear();
        }

        for (int p = 0; p < panels; p++, panel += panelBytes)
        {
            byte* group = panel;
            int* to = wide + (p * PanelLayout.PanelRows);
            float* toScale = scales + (p * PanelLayout.PanelRows);
            for (int g = 0; g < count; g++, group += PanelLayout.Q8GroupBytes, toScale += Q8Tiles.Width)
            {
                for (int pair = 0; pair < Q8Tiles.PairsInGroup; pair++, to += Q8Tiles.Width)
                {
                    for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
                    {
                        TIntegers.Store(to + lane, TIntegers.LoadBytes(group + (pair * PanelLayout.Q8PairBytes) + (2 * lane)));
                    }
                }

                for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
                {
                    TIntegers code = TIntegers.LoadRaised((ushort*)(group + PanelLayout.Q8IntegerBytes) + lane) & TIntegers.Create(RaisedHalf.Mask);
                    TVector.Store(toScale + lane, TIntegers.AsFloats(code) * TVector.Create(RaisedHalf.Factor));
                }
            }
        }
    }
}
