using ILGPU;

namespace Palmyra.Gpu.Kernels;

/// <summary>How a kernel reads weights of one format; <see cref="GpuMatrix"/> says how they lie.</summary>
/// <remarks>A step is 16 bytes of a row (32 of F32), and holds <see cref="Parts"/> times eight columns.</remarks>
internal interface IWeights
{
    /// <summary>Eights of columns in a step: 1, 2 or 4.</summary>
    static abstract int Parts { get; }

    /// <summary>Whether a step has a scale.</summary>
    static abstract bool Scaled { get; }

    /// <summary>Loads a step.</summary>
    /// <param name="numbers">The matrix's numbers.</param>
    /// <param name="at">The step, counted from the matrix's first.</param>
    static abstract WeightStep Load(ArrayView<Word4> numbers, long at);

    /// <summary>The scale of a step.</summary>
    /// <param name="scales">The matrix's scales.</param>
    /// <param name="row">Where the row's scales begin.</param>
    /// <param name="step">The step within the row.</param>
    static abstract float Scale(ArrayView<ushort> scales, long row, int step);

    /// <summary>Eight of a step's columns, not yet scaled.</summary>
    static abstract Float8 Part(WeightStep step, int part);
}

/// <summary>A step as loaded; <see cref="Second"/> is for F32 only.</summary>
internal struct WeightStep
{
    public Word4 First;
    public Word4 Second;
}

internal readonly struct F32Weights : IWeights
{
    public static int Parts => 1;

    public static bool Scaled => false;

    public static WeightStep Load(ArrayView<Word4> numbers, long at) => new() { First = numbers[2 * at], Second = numbers[(2 * at) + 1] };

    public static float Scale(ArrayView<ushort> scales, long row, int step) => 1;

    public static Float8 Part(WeightStep step, int part) => new() { A = Floats(step.First), B = Floats(step.Second) };

    private static Float4 Floats(Word4 words) => new()
    {
        X = Interop.IntAsFloat(words.X), Y = Interop.IntAsFloat(words.Y), Z = Interop.IntAsFloat(words.Z), W = Interop.IntAsFloat(words.W),
    };
}

internal readonly struct F16Weights : IWeights
{
    public static int Parts => 1;

    public static bool Scaled => false;

    public static WeightStep Load(ArrayView<Word4> numbers, long at) => new() { First = numbers[at] };

    public static float Scale(ArrayView<ushort> scales, long row, int step) => 1;

    public static Float8 Part(WeightStep step, int part) => Decoding.Halves(step.First);
}

internal readonly struct BF16Weights : IWeights
{
    public static int Parts => 1;

    public static bool Scaled => false;

    public static WeightStep Load(ArrayView<Word4> numbers, long at) => new() { First = numbers[at] };

    public static float Scale(ArrayView<ushort> scales, long row, int step) => 1;

    public static Float8 Part(WeightStep step, int part) => Decoding.Brains(step.First);
}

internal readonly struct Q8Weights : IWeights
{
    public static int Parts => 2;

    public static bool Scaled => true;

    public static WeightStep Load(ArrayView<Word4> numbers, long at) => new() { First = numbers[at] };

    public static float Scale(ArrayView<ushort> scales, long row, int step) => Decoding.Half(scales[row + (step >> 1)]);

    public static Float8 Part(WeightStep step, int part) =>
        part == 0 ? Decoding.Bytes(step.First.X, step.First.Y) : Decoding.Bytes(step.First.Z, step.First.W);
}

internal readonly struct Q4Weights : IWeights
{
    public static int Parts => 4;

    public static bool Scaled => true;

    public static WeightStep Load(ArrayView<Word4> numbers, long at) => new() { First = numbers[at] };

    public static float Scale(ArrayView<ushort> scales, long row, int step) => Decoding.Half(scales[row + step]);

    public static Float8 Part(WeightStep step, int part)
    {
        // The first half of the columns lies in the low nibbles, the second half in the high ones.
        uint first = (part & 1) == 0 ? step.First.X : step.First.Z;
        uint second = (part & 1) == 0 ? step.First.Y : step.First.W;
        return part < 2 ? Decoding.LowNibbles(first, second) : Decoding.HighNibbles(first, second);
    }
}
