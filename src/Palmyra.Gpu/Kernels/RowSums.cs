using ILGPU;

namespace Palmyra.Gpu.Kernels;

/// <summary>Eight columns of four neighbouring outputs.</summary>
internal struct FourOutputs
{
    public Float8 A;
    public Float8 B;
    public Float8 C;
    public Float8 D;
}

/// <summary>Rows of inputs, and where a step of weights finds what belongs to it: four number j of step s of a row is at s·Step + j·Four.</summary>
internal struct InputRows
{
    /// <summary>The inputs.</summary>
    public ArrayView<Float4> Values;

    /// <summary>From a step to the next.</summary>
    public int Step;

    /// <summary>From four inputs to the next of the same step.</summary>
    public int Four;

    /// <summary>From a row to the next.</summary>
    public int Row;

    /// <summary>The last row there is; read again in place of those beyond.</summary>
    public int Last;
}

/// <summary>Sums of four outputs for several rows of inputs, all in registers: an array would lie in local memory.</summary>
/// <remarks>Rows are doubled by nesting: Pair&lt;Pair&lt;OneRow&gt;&gt; is four.</remarks>
/// <typeparam name="T">The type itself.</typeparam>
internal interface IRowSums<T>
    where T : struct, IRowSums<T>
{
    /// <summary>How many rows.</summary>
    static abstract int Count { get; }

    /// <summary>sums + weights·inputs.</summary>
    /// <param name="sums">The sums so far.</param>
    /// <param name="weights">Eight columns of the weights.</param>
    /// <param name="x">The inputs.</param>
    /// <param name="at">Where in a row the first four of the eight columns are.</param>
    /// <param name="row">The first row.</param>
    static abstract T Dot(T sums, FourOutputs weights, InputRows x, int at, int row);

    /// <summary>sums + part·scales.</summary>
    static abstract T AddScaled(T sums, T part, Float4 scales);

    /// <summary>Sums over the lanes of the warp.</summary>
    static abstract T OverWarp(T sums);

    /// <summary>Writes four floats a row.</summary>
    static abstract void Store(T sums, ArrayView<float> destination, int at);
}

internal struct OneRow : IRowSums<OneRow>
{
    public Float4 Sums;

    public static int Count => 1;

    public static OneRow Dot(OneRow sums, FourOutputs weights, InputRows x, int at, int row)
    {
        int first = (IntrinsicMath.Min(row, x.Last) * x.Row) + at;
        var input = new Float8 { A = x.Values[first], B = x.Values[first + x.Four] };
        return new OneRow
        {
            Sums = new Float4
            {
                X = Float8.Dot(weights.A, input, sums.Sums.X),
                Y = Float8.Dot(weights.B, input, sums.Sums.Y),
                Z = Float8.Dot(weights.C, input, sums.Sums.Z),
                W = Float8.Dot(weights.D, input, sums.Sums.W),
            },
        };
    }

    public static OneRow AddScaled(OneRow sums, OneRow part, Float4 scales) => new()
    {
        Sums = new Float4
        {
            X = (part.Sums.X * scales.X) + sums.Sums.X,
            Y = (part.Sums.Y * scales.Y) + sums.Sums.Y,
            Z = (part.Sums.Z * scales.Z) + sums.Sums.Z,
            W = (part.Sums.W * scales.W) + sums.Sums.W,
        },
    };

    public static OneRow OverWarp(OneRow sums) => new()
    {
        Sums = new Float4
        {
            X = Reducing.WarpSum(sums.Sums.X),
            Y = Reducing.WarpSum(sums.Sums.Y),
            Z = Reducing.WarpSum(sums.Sums.Z),
            W = Reducing.WarpSum(sums.Sums.W),
        },
    };

    public static void Store(OneRow sums, ArrayView<float> destination, int at)
    {
        destination[at] = sums.Sums.X;
        destination[at + 1] = sums.Sums.Y;
        destination[at + 2] = sums.Sums.Z;
        destination[at + 3] = sums.Sums.W;
    }
}

/// <typeparam name="T">Half of the rows.</typeparam>
internal struct Pair<T> : IRowSums<Pair<T>>
    where T : struct, IRowSums<T>
{
    public T First;
    public T Second;

    public static int Count => 2 * T.Count;

    public static Pair<T> Dot(Pair<T> sums, FourOutputs weights, InputRows x, int at, int row) => new()
    {
        First = T.Dot(sums.First, weights, x, at, row),
        Second = T.Dot(sums.Second, weights, x, at, row + T.Count),
    };

    public static Pair<T> AddScaled(Pair<T> sums, Pair<T> part, Float4 scales) => new()
    {
        First = T.AddScaled(sums.First, part.First, scales),
        Second = T.AddScaled(sums.Second, part.Second, scales),
    };

    public static Pair<T> OverWarp(Pair<T> sums) => new() { First = T.OverWarp(sums.First), Second = T.OverWarp(sums.Second) };

    public static void Store(Pair<T> sums, ArrayView<float> destination, int at)
    {
        T.Store(sums.First, destination, at);
        T.Store(sums.Second, destination, at + (4 * T.Count));
    }
}
