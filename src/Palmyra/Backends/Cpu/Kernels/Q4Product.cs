using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>What the kernels of Q4 weights share.</summary>
internal static class Q4Product
{
    /// <summary>The lower four bits of each byte.</summary>
    public const int Nibbles = 0x0F0F0F0F;

    /// <summary>1 in each 16-bit half: multiplied by it, two halves are added to 32 bits.</summary>
    public const int Ones = 0x00010001;

    /// <summary>Ends a group: c + (Σ of the 16-bit halves + offset)·(weight scale · input scale).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Add<TVector, TIntegers>(TVector c, TIntegers halves, TIntegers ones, int offset, TVector weightScale, float inputScale)
        where TVector : struct, IVector<TVector>
        where TIntegers : struct, IIntegers<TIntegers, TVector>
    {
        TIntegers sum = TIntegers.MultiplyPairs(halves, ones) + TIntegers.Create(offset);
        return TVector.MultiplyAdd(TIntegers.ToFloats(sum), weightScale * TVector.Create(inputScale), c);
    }
}

// Products with Q4 weights: three panels of sixteen outputs an item, inputs as 8-bit integers with one scale for each 32 of a row.
// Up to four rows in all go through the panels as they are (Q4Rows). More rows share the work of widening: a stretch of the three panels'
// groups becomes bytes and float scales in the worker's scratch, 41 KB that stay in the second-level cache while all tiles pass (Q4Tiles).
// Both give the same bits: see there.
internal readonly unsafe struct Q4Product<TVector, TIntegers> : IProduct
    where TVector : struct, IVector<TVector>
    where TIntegers : struct, IIntegers<TIntegers, TVector>
{
    private const int Panels = Q4Tiles.Width / PanelLayout.PanelRows;
    private const int DepthGroups = 24;
    private const int WideLength = DepthGroups * Q4Tiles.QuadsInGroup * Q4Tiles.Width;

    public static int Width => Q4Tiles.Width;

    public static int ScratchLength => WideLength + (DepthGroups * Q4Tiles.Width) + Q4Tiles.SumsLength;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(Factors* factors, float* c, nint stride, int row, int rows, int item, float* scratch)
    {
        int largest = TVector.TileRows;
        int groups = PanelLayout.Groups(factors->Depth);
        int panels = Math.Min(Panels, factors->PanelCount - (item * Panels));
        byte* panel = factors->Panels + (item * Panels * factors->PanelBytes);
        int* inputs = (int*)(factors->Inputs + (row / largest * factors->TileStride));
        float* inputScales = factors->InputScales + ((nint)row * groups);
        int* offsets = factors->InputOffsets + ((nint)row * groups);
        PanelProduct.Clear(c, stride, rows, Width, largest);
        if (row == 0 && rows <= Q4Rows.Largest)
        {
            for (int p = 0; p < panels; p++, panel += factors->PanelBytes)
            {
                Q4Rows.Add<TVector, TIntegers>(
                    c + (p * PanelLayout.PanelRows), stride, inputs, inputScales, offsets, panel, groups, PanelProduct.TileOf(rows, largest));
            }

            return;
        }

        int* wide = (int*)scratch;
        float* scales = scratch + WideLength;
        int* sums = (int*)(scales + (DepthGroups * Q4Tiles.Width));
        for (int first = 0; first < groups; first += DepthGroups)
        {
            int count = Math.Min(DepthGroups, groups - first);
            Widen(wide, scales, panel + (first * PanelLayout.Q4GroupBytes), factors->PanelBytes, panels, count, Q4Product.Nibbles);
            int* tile = inputs;
            for (int r = 0; r < rows; r += largest, tile += factors->TileStride)
            {
                int tileRows = PanelProduct.TileOf(rows - r, largest);
                nint at = ((nint)r * groups) + first;
                Q4Tiles.Add<TVector, TIntegers>(
                    c + (r * stride), stride, tile + ((nint)first * Q4Tiles.QuadsInGroup * tileRows), inputScales + at, offsets + at, groups,
                    wide, scales, count, tileRows, sums);
            }
        }
    }

    /// <summary>Widens groups of up to three panels: integers to [quad][48], scales to [group][48]; zeros where there is no panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(int* wide, float* scales, byte* panel, nint panelBytes, int panels, int count, int nibbles)
    {
        if (panels < Panels)
        {
            new Span<int>(wide, count * Q4Tiles.QuadsInGroup * Q4Tiles.Width).Clear();
            new Span<float>(scales, count * Q4Tiles.Width).Clear();
        }

        TIntegers low = TIntegers.Create(nibbles);
        for (int p = 0; p < panels; p++, panel += panelBytes)
        {
            byte* group = panel;
            int* to = wide + (p * PanelLayout.PanelRows);
            float* toScale = scales + (p * PanelLayout.PanelRows);
            for (int g = 0; g < count; g++, group += PanelLayout.Q4GroupBytes, toScale += Q4Tiles.Width)
            {
                for (int word = 0; word < PanelLayout.Q4IntegerBytes; word += PanelLayout.Q4WordBytes, to += 2 * Q4Tiles.Width)
                {
                    for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
                    {
                        TIntegers bits = TIntegers.Load(group + word + (4 * lane));
                        TIntegers.Store(to + lane, bits & low);
                        TIntegers.Store(to + Q4Tiles.Width + lane, TIntegers.ShiftRight(bits, 4) & low);
                    }
                }

                for (int lane = 0; lane < PanelLayout.PanelRows; lane += TVector.Count)
                {
                    TIntegers code = TIntegers.LoadRaised((ushort*)(group + PanelLayout.Q4IntegerBytes) + lane) & TIntegers.Create(RaisedHalf.Mask);
                    TVector.Store(toScale + lane, TIntegers.AsFloats(code) * TVector.Create(RaisedHalf.Factor));
                }
            }
        }
    }
}
