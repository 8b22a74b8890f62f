using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// The heart of Linear and Score: C[rows, panel] += A[rows, K] · W[K, panel], in floats. F32 weights come straight from their panels, 16-bit
// ones widened (NarrowProduct).
//
//   weights   [N/panel][K][panel], a panel being three vectors wide (48 outputs at 512 bits, 24, 12, 3): one k is one straight run
//             panel 0: k=0: w0 w1 .. w47 | k=1: w0 .. w47 | ...   panel 1: ...
//   inputs    [tile][K][tile rows]: the rows of a tile interleaved, so that one k of a tile is one straight run too (Packing.cs)
//   lanes     across outputs. Each output is one accumulator in a register; k ascends; nothing is ever added across lanes.
//
// Order of additions: c = fma(a_k, w_k, c) for k = 0 .. K-1, starting from what C holds, 0 at first. Cutting K into blocks stores and
// reloads the accumulator and continues the same chain. So an output's bits depend on its row, its column and K alone: not on how many
// rows there are, the tile they fall in, the width of the vectors, or the threads.
// Tails: columns beyond N are zero weights in the last panel; rows beyond M are zero inputs of the last tile. Both are computed and dropped.
// Cost: 2·rows·panel·K operations, panel·K·size bytes of weights. 8 rows of three 512-bit vectors use 28 of 32 registers, 4 rows use 16
// of 16. Few rows are bound by memory: tiles stream the panel and prefetch ahead of themselves, past the caches' usual order (a weight is
// wanted once a step); many rows were measured not to mind.
// Measured: 512 rows 104-110 of 118 GFLOP/s FMA peak, a lone row from memory 94-98 % of the read bandwidth of the same run (31 GB/s), from
// cache 74 GB/s, one thread; 2-core AVX-512 machine (shared), November 2026.
internal static unsafe class PanelProduct
{
    /// <summary>Vectors in a panel.</summary>
    public const int PanelVectors = 3;

    /// <summary>How much of K a tile of many rows takes at a time: the block of the panel then stays in the second-level cache.</summary>
    public const int DepthBlock = 384;

    /// <summary>Outputs in a panel.</summary>
    public static int PanelWidth<TVector>()
        where TVector : struct, IVector<TVector> => PanelVectors * TVector.Count;

    /// <summary>Rows of the tile that holds <paramref name="rows"/> last rows: the next of 1, 2, 4, 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int TileOf(int rows, int largest) => rows >= largest ? largest : rows > 4 ? 8 : rows > 2 ? 4 : rows;

    /// <summary>Clears the sums of <paramref name="rows"/> rows and of those that complete the last tile.</summary>
    public static void Clear(float* c, nint stride, int rows, int width, int largest)
    {
        int computed = (rows / largest * largest) + TileOf(rows % largest, largest);
        for (int r = 0; r < computed; r++)
        {
            new Span<float>(c + (r * stride), width).Clear();
        }
    }

    /// <summary>Adds rows of packed inputs times a stretch of one panel's depth to their sums.</summary>
    /// <param name="c">[rows rounded up to tiles, panel] with <paramref name="stride"/>.</param>
    /// <param name="stride">Floats from a row of <paramref name="c"/> to the next.</param>
    /// <param name="a">Packed inputs, from the first tile wanted.</param>
    /// <param name="tileStride">Floats from a full tile to the next.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="weights">The panel's weights from input <paramref name="first"/> on.</param>
    /// <param name="first">The first input.</param>
    /// <param name="depth">How many inputs.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TVector>(float* c, nint stride, float* a, nint tileStride, int rows, float* weights, int first, int depth)
        where TVector : struct, IVector<TVector>
    {
        int largest = TVector.TileRows;
        for (int row = 0; row < rows; row += largest, a += tileStride)
        {
            int tileRows = TileOf(rows - row, largest);
            Tile<TVector>(a + ((nint)first * tileRows), weights, c + (row * stride), stride, depth, tileRows);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile<TVector>(float* a, float* panel, float* c, nint stride, nint depth, int rows)
        where TVector : struct, IVector<TVector>
    {
        switch (rows)
        {
            case 8:
                Tile8<TVector>(a, panel, c, stride, depth);
                break;
            case 4:
                Tile4<TVector>(a, panel, c, stride, depth);
                break;
            case 2:
                Tile2<TVector>(a, panel, c, stride, depth);
                break;
            default:
                Tile1<TVector>(a, panel, c, stride, depth);
                break;
        }
    }

    /// <summary>One row of the tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1<TVector>(float* a, float* panel, float* c, nint stride, nint depth)
        where TVector : struct, IVector<TVector>
    {
        int lanes = TVector.Count;
        TVector s00 = TVector.Load(c);
        TVector s01 = TVector.Load(c + lanes);
        TVector s02 = TVector.Load(c + (2 * lanes));
        float* end = a + depth;
        while (a != end)
        {
            WeightPrefetch.Lines(panel, 3 * sizeof(float) * lanes);
            TVector b0 = TVector.Load(panel);
            TVector b1 = TVector.Load(panel + lanes);
            TVector b2 = TVector.Load(panel + (2 * lanes));
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, b0, s00);
            s01 = TVector.MultiplyAdd(x, b1, s01);
            s02 = TVector.MultiplyAdd(x, b2, s02);
            a++;
            panel += 3 * lanes;
        }

        TVector.Store(c, s00);
        TVector.Store(c + lanes, s01);
        TVector.Store(c + (2 * lanes), s02);
    }

    /// <summary>2 rows of the tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile2<TVector>(float* a, float* panel, float* c, nint stride, nint depth)
        where TVector : struct, IVector<TVector>
    {
        int lanes = TVector.Count;
        TVector s00 = TVector.Load(c);
        TVector s01 = TVector.Load(c + lanes);
        TVector s02 = TVector.Load(c + (2 * lanes));
        TVector s10 = TVector.Load(c + stride);
        TVector s11 = TVector.Load(c + stride + lanes);
        TVector s12 = TVector.Load(c + stride + (2 * lanes));
        float* end = a + (depth * 2);
        while (a != end)
        {
            WeightPrefetch.Lines(panel, 3 * sizeof(float) * lanes);
            TVector b0 = TVector.Load(panel);
            TVector b1 = TVector.Load(panel + lanes);
            TVector b2 = TVector.Load(panel + (2 * lanes));
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, b0, s00);
            s01 = TVector.MultiplyAdd(x, b1, s01);
            s02 = TVector.MultiplyAdd(x, b2, s02);
            x = TVector.Create(a[1]);
            s10 = TVector.MultiplyAdd(x, b0, s10);
            s11 = TVector.MultiplyAdd(x, b1, s11);
            s12 = TVector.MultiplyAdd(x, b2, s12);
            a += 2;
            panel += 3 * lanes;
        }

        TVector.Store(c, s00);
        TVector.Store(c + lanes, s01);
        TVector.Store(c + (2 * lanes), s02);
        TVector.Store(c + stride, s10);
        TVector.Store(c + stride + lanes, s11);
        TVector.Store(c + stride + (2 * lanes), s12);
    }

    /// <summary>4 rows of the tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4<TVector>(float* a, float* panel, float* c, nint stride, nint depth)
        where TVector : struct, IVector<TVector>
    {
        int lanes = TVector.Count;
        TVector s00 = TVector.Load(c);
        TVector s01 = TVector.Load(c + lanes);
        TVector s02 = TVector.Load(c + (2 * lanes));
        TVector s10 = TVector.Load(c + stride);
        TVector s11 = TVector.Load(c + stride + lanes);
        TVector s12 = TVector.Load(c + stride + (2 * lanes));
        TVector s20 = TVector.Load(c + (2 * stride));
        TVector s21 = TVector.Load(c + (2 * stride) + lanes);
        TVector s22 = TVector.Load(c + (2 * stride) + (2 * lanes));
        TVector s30 = TVector.Load(c + (3 * stride));
        TVector s31 = TVector.Load(c + (3 * stride) + lanes);
        TVector s32 = TVector.Load(c + (3 * stride) + (2 * lanes));
        float* end = a + (depth * 4);
        while (a != end)
        {
            WeightPrefetch.Lines(panel, 3 * sizeof(float) * lanes);
            TVector b0 = TVector.Load(panel);
            TVector b1 = TVector.Load(panel + lanes);
            TVector b2 = TVector.Load(panel + (2 * lanes));
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, b0, s00);
            s01 = TVector.MultiplyAdd(x, b1, s01);
            s02 = TVector.MultiplyAdd(x, b2, s02);
            x = TVector.Create(a[1]);
            s10 = TVector.MultiplyAdd(x, b0, s10);
            s11 = TVector.MultiplyAdd(x, b1, s11);
            s12 = TVector.MultiplyAdd(x, b2, s12);
            x = TVector.Create(a[2]);
            s20 = TVector.MultiplyAdd(x, b0, s20);
            s21 = TVector.MultiplyAdd(x, b1, s21);
            s22 = TVector.MultiplyAdd(x, b2, s22);
            x = TVector.Create(a[3]);
            s30 = TVector.MultiplyAdd(x, b0, s30);
            s31 = TVector.MultiplyAdd(x, b1, s31);
            s32 = TVector.MultiplyAdd(x, b2, s32);
            a += 4;
            panel += 3 * lanes;
        }

        TVector.Store(c, s00);
        TVector.Store(c + lanes, s01);
        TVector.Store(c + (2 * lanes), s02);
        TVector.Store(c + stride, s10);
        TVector.Store(c + stride + lanes, s11);
        TVector.Store(c + stride + (2 * lanes), s12);
        TVector.Store(c + (2 * stride), s20);
        TVector.Store(c + (2 * stride) + lanes, s21);
        TVector.Store(c + (2 * stride) + (2 * lanes), s22);
        TVector.Store(c + (3 * stride), s30);
        TVector.Store(c + (3 * stride) + lanes, s31);
        TVector.Store(c + (3 * stride) + (2 * lanes), s32);
    }

    /// <summary>8 rows of the tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8<TVector>(float* a, float* panel, float* c, nint stride, nint depth)
        where TVector : struct, IVector<TVector>
    {
        int lanes = TVector.Count;
        TVector s00 = TVector.Load(c);
        TVector s01 = TVector.Load(c + lanes);
        TVector s02 = TVector.Load(c + (2 * lanes));
        TVector s10 = TVector.Load(c + stride);
        TVector s11 = TVector.Load(c + stride + lanes);
        TVector s12 = TVector.Load(c + stride + (2 * lanes));
        TVector s20 = TVector.Load(c + (2 * stride));
        TVector s21 = TVector.Load(c + (2 * stride) + lanes);
        TVector s22 = TVector.Load(c + (2 * stride) + (2 * lanes));
        TVector s30 = TVector.Load(c + (3 * stride));
        TVector s31 = TVector.Load(c + (3 * stride) + lanes);
        TVector s32 = TVector.Load(c + (3 * stride) + (2 * lanes));
        TVector s40 = TVector.Load(c + (4 * stride));
        TVector s41 = TVector.Load(c + (4 * stride) + lanes);
        TVector s42 = TVector.Load(c + (4 * stride) + (2 * lanes));
        TVector s50 = TVector.Load(c + (5 * stride));
        TVector s51 = TVector.Load(c + (5 * stride) + lanes);
        TVector s52 = TVector.Load(c + (5 * stride) + (2 * lanes));
        TVector s60 = TVector.Load(c + (6 * stride));
        TVector s61 = TVector.Load(c + (6 * stride) + lanes);
        TVector s62 = TVector.Load(c + (6 * stride) + (2 * lanes));
        TVector s70 = TVector.Load(c + (7 * stride));
        TVector s71 = TVector.Load(c + (7 * stride) + lanes);
        TVector s72 = TVector.Load(c + (7 * stride) + (2 * lanes));
        float* end = a + (depth * 8);
        while (a != end)
        {
            WeightPrefetch.Lines(panel, 3 * sizeof(float) * lanes);
            TVector b0 = TVector.Load(panel);
            TVector b1 = TVector.Load(panel + lanes);
            TVector b2 = TVector.Load(panel + (2 * lanes));
            TVector x = TVector.Create(*a);
            s00 = TVector.MultiplyAdd(x, b0, s00);
            s01 = TVector.MultiplyAdd(x, b1, s01);
            s02 = TVector.MultiplyAdd(x, b2, s02);
            x = TVector.Create(a[1]);
            s10 = TVector.MultiplyAdd(x, b0, s10);
            s11 = TVector.MultiplyAdd(x, b1, s11);
            s12 = TVector.MultiplyAdd(x, b2, s12);
            x = TVector.Create(a[2]);
            s20 = TVector.MultiplyAdd(x, b0, s20);
            s21 = TVector.MultiplyAdd(x, b1, s21);
            s22 = TVector.MultiplyAdd(x, b2, s22);
            x = TVector.Create(a[3]);
            s30 = TVector.MultiplyAdd(x, b0, s30);
            s31 = TVector.MultiplyAdd(x, b1, s31);
            s32 = TVector.MultiplyAdd(x, b2, s32);
            x = TVector.Create(a[4]);
            s40 = TVector.MultiplyAdd(x, b0, s40);
            s41 = TVector.MultiplyAdd(x, b1, s41);
            s42 = TVector.MultiplyAdd(x, b2, s42);
            x = TVector.Create(a[5]);
            s50 = TVector.MultiplyAdd(x, b0, s50);
            s51 = TVector.MultiplyAdd(x, b1, s51);
            s52 = TVector.MultiplyAdd(x, b2, s52);
            x = TVector.Create(a[6]);
            s60 = TVector.MultiplyAdd(x, b0, s60);
            s61 = TVector.MultiplyAdd(x, b1, s61);
            s62 = TVector.MultiplyAdd(x, b2, s62);
            x = TVector.Create(a[7]);
            s70 = TVector.MultiplyAdd(x, b0, s70);
            s71 = TVector.MultiplyAdd(x, b1, s71);
            s72 = TVector.MultiplyAdd(x, b2, s72);
            a += 8;
            panel += 3 * lanes;
        }

        TVector.Store(c, s00);
        TVector.Store(c + lanes, s01);
        TVector.Store(c + (2 * lanes), s02);
        TVector.Store(c + stride, s10);
        TVector.Store(c + stride + lanes, s11);
        TVector.Store(c + stride + (2 * lanes), s12);
        TVector.Store(c + (2 * stride), s20);
        TVector.Store(c + (2 * stride) + lanes, s21);
        TVector.Store(c + (2 * stride) + (2 * lanes), s22);
        TVector.Store(c + (3 * stride), s30);
        TVector.Store(c + (3 * stride) + lanes, s31);
        TVector.Store(c + (3 * stride) + (2 * lanes), s32);
        TVector.Store(c + (4 * stride), s40);
        TVector.Store(c + (4 * stride) + lanes, s41);
        TVector.Store(c + (4 * stride) + (2 * lanes), s42);
        TVector.Store(c + (5 * stride), s50);
        TVector.Store(c + (5 * stride) + lanes, s51);
        TVector.Store(c + (5 * stride) + (2 * lanes), s52);
        TVector.Store(c + (6 * stride), s60);
        TVector.Store(c + (6 * stride) + lanes, s61);
        TVector.Store(c + (6 * stride) + (2 * lanes), s62);
        TVector.Store(c + (7 * stride), s70);
        TVector.Store(c + (7 * stride) + lanes, s71);
        TVector.Store(c + (7 * stride) + (2 * lanes), s72);
    }
}
