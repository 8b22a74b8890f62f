using ILGPU;

namespace Palmyra.Gpu.Kernels;

/// <summary>How kernels read and write eight neighbouring numbers of a cache of one format.</summary>
/// <typeparam name="TPiece">What is loaded at once: 16 bytes, or 8.</typeparam>
internal interface ICacheNumbers<TPiece>
    where TPiece : unmanaged
{
    /// <summary>Whether every head of a token has a scale.</summary>
    static abstract bool Scaled { get; }

    /// <summary>Whether numbers are halves as they lie in memory.</summary>
    static abstract bool IsHalf { get; }

    /// <summary>Reads eight numbers, not yet scaled.</summary>
    /// <param name="numbers">The cache's numbers.</param>
    /// <param name="eight">Which eight, counted from the first.</param>
    static abstract Float8 Load(ArrayView<TPiece> numbers, long eight);

    /// <summary>Writes eight numbers, divided by a scale where there is one and rounded as <see cref="Backends.CacheFormat"/> says.</summary>
    static abstract void Store(ArrayView<TPiece> numbers, long eight, Float8 values, float scale);
}

/// <summary>How kernels write four neighbouring numbers of a cache without scales: what one thread of a product has of a head.</summary>
/// <typeparam name="TPiece">What is stored at once: 16 bytes, or 8.</typeparam>
internal interface ICacheFours<TPiece>
    where TPiece : unmanaged
{
    /// <summary>Writes four numbers, rounded as <see cref="ICacheNumbers{TPiece}.Store"/> rounds eight.</summary>
    /// <param name="numbers">The cache's numbers.</param>
    /// <param name="four">Which four, counted from the first.</param>
    /// <param name="values">The numbers.</param>
    static abstract void Store(ArrayView<TPiece> numbers, long four, Float4 values);
}

internal readonly struct F32Numbers : ICacheNumbers<Float4>, ICacheFours<Float4>
{
    public static bool Scaled => false;

    public static bool IsHalf => false;

    public static Float8 Load(ArrayView<Float4> numbers, long eight) => new() { A = numbers[2 * eight], B = numbers[(2 * eight) + 1] };

    public static void Store(ArrayView<Float4> numbers, long eight, Float8 values, float scale)
    {
        numbers[2 * eight] = values.A;
        numbers[(2 * eight) + 1] = values.B;
    }

    public static void Store(ArrayView<Float4> numbers, long four, Float4 values) => numbers[four] = values;
}

internal readonly struct F16Numbers : ICacheNumbers<Word4>, ICacheFours<Word2>
{
    private const float Largest = 65504;

    public static bool Scaled => false;

    public static bool IsHalf => true;

    public static Float8 Load(ArrayView<Word4> numbers, long eight) => Decoding.Halves(numbers[eight]);

    public static void Store(ArrayView<Word4> numbers, long eight, Float8 values, float scale) => numbers[eight] = new Word4
    {
        X = Halves(values.A.X, values.A.Y), Y = Halves(values.A.Z, values.A.W),
        Z = Halves(values.B.X, values.B.Y), W = Halves(values.B.Z, values.B.W),
    };

    public static void Store(ArrayView<Word2> numbers, long four, Float4 values) =>
        numbers[four] = new Word2 { X = Halves(values.X, values.Y), Y = Halves(values.Z, values.W) };

    private static uint Halves(float low, float high) => Rounded(low) | (Rounded(high) << 16);

    // Infinities and NaN stay what they are; finite numbers beyond a half's range become its largest.
    private static uint Rounded(float value)
    {
        float size = MathF.Abs(value);
        float most = value < 0 ? -Largest : Largest;
        float kept = size > Largest && size <= float.MaxValue ? most : value;
        return Interop.FloatAsInt((ILGPU.Half)kept);
    }
}

internal readonly struct Q8Numbers : ICacheNumbers<Word2>
{
    // 1.5·2²³: adding it rounds to the nearest integer, ties to even, which the low bits then hold.
    private const float Shift = 12582912f;

    public static bool Scaled => true;

    public static bool IsHalf => false;

    public static Float8 Load(ArrayView<Word2> numbers, long eight)
    {
        Word2 bytes = numbers[eight];
        return Decoding.Bytes(bytes.X, bytes.Y);
    }

    public static void Store(ArrayView<Word2> numbers, long eight, Float8 values, float scale) => numbers[eight] = new Word2
    {
        X = Bytes(values.A, scale), Y = Bytes(values.B, scale),
    };

    private static uint Bytes(Float4 values, float scale) =>
        Byte(values.X, scale) | (Byte(values.Y, scale) << 8) | (Byte(values.Z, scale) << 16) | (Byte(values.W, scale) << 24);

    // A scale of 0 or NaN is not positive: its integers are 0.
    private static uint Byte(float value, float scale) => scale > 0 ? Interop.FloatAsInt((value / scale) + Shift) & 0xFF : 0;
}
