using ILGPU.Runtime.Cuda;

namespace Palmyra.Gpu.Kernels;

/// <summary>How a GEMM reads weights of one format; <see cref="GpuMatrix"/> says how they lie.</summary>
/// <remarks>
/// Floats of 16 bits are copied to shared memory as they are. Of Q8 and Q4 a block copies the integers, and its threads widen them: thread
/// t has half t%2 of the group of output t/2, for itself alone until the widened numbers are stored.
/// </remarks>
internal interface IGemmWeights
{
    /// <summary>Whether products are of brain floats, otherwise of halves.</summary>
    static abstract bool IsBrain { get; }

    /// <summary>Whether numbers have to be widened.</summary>
    static abstract bool IsQuantized { get; }

    /// <summary>Bytes of 32 numbers of a row.</summary>
    static abstract int GroupBytes { get; }

    /// <summary>Declares the registers that widening uses.</summary>
    static abstract void Declare();

    /// <summary>Starts copying a thread's half of a group.</summary>
    static abstract void Copy(uint stage, long group);

    /// <summary>Which eight of the group's 32 numbers a thread stores first, 0 to 3.</summary>
    static abstract int FirstEight(int output, int half);

    /// <summary>Which it stores then: that number with these bits turned.</summary>
    static abstract int OtherEight { get; }

    /// <summary>Makes integers of a thread's half of a group.</summary>
    /// <param name="stage">Where <see cref="Copy"/> put it.</param>
    /// <param name="output">The row of the tile.</param>
    static abstract void Take(uint stage, int output);
}

internal readonly struct GemmBF16 : IGemmWeights
{
    public static bool IsBrain => true;

    public static bool IsQuantized => false;

    public static int GroupBytes => 64;

    public static void Declare()
    {
    }

    public static int OtherEight => 0;

    public static void Copy(uint stage, long group)
    {
    }

    public static int FirstEight(int output, int half) => 0;

    public static void Take(uint stage, int output)
    {
    }
}

internal readonly struct GemmF16 : IGemmWeights
{
    public static bool IsBrain => false;

    public static bool IsQuantized => false;

    public static int GroupBytes => 64;

    public static void Declare()
    {
    }

    public static int OtherEight => 0;

    public static void Copy(uint stage, long group)
    {
    }

    public static int FirstEight(int output, int half) => 0;

    public static void Take(uint stage, int output)
    {
    }
}

internal readonly struct GemmQ8 : IGemmWeights
{
    public static bool IsBrain => false;

    public static bool IsQuantized => true;

    public static int GroupBytes => 32;

    public static int OtherEight => 1;

    public static void Declare() => CudaAsm.Emit(GemmWidening.DeclareQ8);

    public static void Copy(uint stage, long group) => CudaAsm.Emit(GemmWidening.CopyQ8, stage, group * GroupBytes);

    public static int FirstEight(int output, int half) => 2 * half;

    public static void Take(uint stage, int output) => CudaAsm.Emit(GemmWidening.TakeQ8, stage);
}

internal readonly struct GemmQ4 : IGemmWeights
{
    public static bool IsBrain => false;

    public static bool IsQuantized => true;

    public static int GroupBytes => 16;

    public static int OtherEight => 2;

    public static void Declare() => CudaAsm.Emit(GemmWidening.DeclareQ4);

    public static void Copy(uint stage, long group) => CudaAsm.Emit(GemmWidening.CopyQ4, stage, group * GroupBytes);

    // A half has 8 columns in its low nibbles and, 16 further on, 8 in its high ones. Of every two pairs of rows one begins with the high
    // ones: the eight lanes that store together would otherwise meet in the banks.
    public static int FirstEight(int output, int half) => half + (output & 2);

    public static void Take(uint stage, int output)
    {
        int shift = (output & 2) << 1;
        CudaAsm.Emit(GemmWidening.TakeQ4, stage, shift, shift ^ 4);
    }
}
