using ILGPU;

namespace Palmyra.Gpu.Kernels;

/// <summary>The square of y that a block of <see cref="TiledLinear"/> makes, and a thread's sums of it, all in registers.</summary>
/// <remarks>
/// A thread's rows lie <see cref="Threads"/> apart, and so do its outputs. Threads² = 2·Side, a quarter of the rows times the eight pieces that a row of
/// <see cref="TiledLinear.Step"/> = 32 inputs has: so each thread copies four pieces of x and four of w.
/// </remarks>
/// <typeparam name="T">The type itself.</typeparam>
internal interface IFloatTile<T>
    where T : struct, IFloatTile<T>
{
    /// <summary>Rows, and outputs, of the block.</summary>
    static abstract int Side { get; }

    /// <summary>Threads along either side; a multiple of eight whose square is twice <see cref="Side"/>.</summary>
    static abstract int Threads { get; }

    /// <summary>sums + inputs·weights over a piece of four inputs, in order.</summary>
    /// <param name="sums">The sums so far.</param>
    /// <param name="shared">Pieces; a row has eight.</param>
    /// <param name="x">The piece of the thread's first row.</param>
    /// <param name="w">The piece of its first output.</param>
    static abstract T MultiplyAdd(T sums, ArrayView<Float4> shared, int x, int w);

    /// <summary>Stores the sums.</summary>
    /// <param name="sums">The sums.</param>
    /// <param name="shared">Where.</param>
    /// <param name="at">The first row's first output.</param>
    /// <param name="apart">From one of the thread's rows to the next.</param>
    static abstract void Store(T sums, ArrayView<float> shared, int at, int apart);
}

/// <summary>32 x 32 by 64 threads, 16 sums each: for few rows, and where large tiles would leave multiprocessors idle.</summary>
internal struct SmallFloatTile : IFloatTile<SmallFloatTile>
{
    public Float4 A;
    public Float4 B;
    public Float4 C;
    public Float4 D;

    public static int Side => 32;

    public static int Threads => 8;

    public static SmallFloatTile MultiplyAdd(SmallFloatTile sums, ArrayView<Float4> shared, int x, int w)
    {
        FourPieces weights = FourPieces.Load(shared, w, 8 * Threads);
        return new SmallFloatTile
        {
            A = weights.MultiplyAdd(shared[x], sums.A),
            B = weights.MultiplyAdd(shared[x + (8 * Threads)], sums.B),
            C = weights.MultiplyAdd(shared[x + (16 * Threads)], sums.C),
            D = weights.MultiplyAdd(shared[x + (24 * Threads)], sums.D),
        };
    }

    public static void Store(SmallFloatTile sums, ArrayView<float> shared, int at, int apart)
    {
        FourPieces.Store(sums.A, shared, at, Threads);
        FourPieces.Store(sums.B, shared, at + apart, Threads);
        FourPieces.Store(sums.C, shared, at + (2 * apart), Threads);
        FourPieces.Store(sums.D, shared, at + (3 * apart), Threads);
    }
}

/// <summary>128 x 128 by 256 threads, 64 sums each.</summary>
internal struct LargeFloatTile : IFloatTile<LargeFloatTile>
{
    public Float8 A;
    public Float8 B;
    public Float8 C;
    public Float8 D;
    public Float8 E;
    public Float8 F;
    public Float8 G;
    public Float8 H;

    public static int Side => 128;

    public static int Threads => 16;

    public static LargeFloatTile MultiplyAdd(LargeFloatTile sums, ArrayView<Float4> shared, int x, int w)
    {
        const int Row = 8 * 16;
        FourPieces first = FourPieces.Load(shared, w, Row);
        FourPieces second = FourPieces.Load(shared, w + (4 * Row), Row);
        return new LargeFloatTile
        {
            A = MultiplyAdd(shared[x], first, second, sums.A),
            B = MultiplyAdd(shared[x + Row], first, second, sums.B),
            C = MultiplyAdd(shared[x + (2 * Row)], first, second, sums.C),
            D = MultiplyAdd(shared[x + (3 * Row)], first, second, sums.D),
            E = MultiplyAdd(shared[x + (4 * Row)], first, second, sums.E),
            F = MultiplyAdd(shared[x + (5 * Row)], first, second, sums.F),
            G = MultiplyAdd(shared[x + (6 * Row)], first, second, sums.G),
            H = MultiplyAdd(shared[x + (7 * Row)], first, second, sums.H),
        };
    }

    public static void Store(LargeFloatTile sums, ArrayView<float> shared, int at, int apart)
    {
        Store(sums.A, shared, at);
        Store(sums.B, shared, at + apart);
        Store(sums.C, shared, at + (2 * apart));
        Store(sums.D, shared, at + (3 * apart));
        Store(sums.E, shared, at + (4 * apart));
        Store(sums.F, shared, at + (5 * apart));
        Store(sums.G, shared, at + (6 * apart));
        Store(sums.H, shared, at + (7 * apart));
    }

    private static Float8 MultiplyAdd(Float4 inputs, FourPieces first, FourPieces second, Float8 sums) =>
        new() { A = first.MultiplyAdd(inputs, sums.A), B = second.MultiplyAdd(inputs, sums.B) };

    private static void Store(Float8 sums, ArrayView<float> shared, int at)
    {
        FourPieces.Store(sums.A, shared, at, Threads);
        FourPieces.Store(sums.B, shared, at + (4 * Threads), Threads);
    }
}

/// <summary>Four inputs' weights of four outputs.</summary>
internal struct FourPieces
{
    public Float4 A;
    public Float4 B;
    public Float4 C;
    public Float4 D;

    /// <summary>Loads them.</summary>
    /// <param name="shared">Pieces.</param>
    /// <param name="at">The first output's.</param>
    /// <param name="apart">Pieces to the next output's.</param>
    public static FourPieces Load(ArrayView<Float4> shared, int at, int apart) =>
        new() { A = shared[at], B = shared[at + apart], C = shared[at + (2 * apart)], D = shared[at + (3 * apart)] };

    /// <summary>Writes sums of four outputs.</summary>
    public static void Store(Float4 sums, ArrayView<float> shared, int at, int apart)
    {
        shared[at] = sums.X;
        shared[at + apart] = sums.Y;
        shared[at + (2 * apart)] = sums.Z;
        shared[at + (3 * apart)] = sums.W;
    }

    /// <summary>sums + weights·inputs, an output each.</summary>
    public readonly Float4 MultiplyAdd(Float4 inputs, Float4 sums) => new()
    {
        X = Dot(A, inputs, sums.X), Y = Dot(B, inputs, sums.Y), Z = Dot(C, inputs, sums.Z), W = Dot(D, inputs, sums.W),
    };

    private static float Dot(Float4 a, Float4 b, float sum)
    {
        sum = (a.X * b.X) + sum;
        sum = (a.Y * b.Y) + sum;
        sum = (a.Z * b.Z) + sum;
        return (a.W * b.W) + sum;
    }
}
