using ILGPU.Runtime.Cuda;

namespace Palmyra.Gpu.Kernels;

/// <summary>How a GEMM reads weights of one format; <see cref="GpuMatrix"/> says how they lie.</summary>
/// <remarks>
/// Floats of 16 bits are copied to shared memory as they are. Of Q8 and Q4 a block copies the integers, and its threads widen them: thread t
/// has half t%2 of the group of output t/2, for itself alone until the widened numbers are stored.
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

    /// <summary>Copies a thread's half of a group.</summary>
    static abstract void Copy(uint target, long source, int present);

    /// <summary>Loads a group's scale.</summary>
    static abstract void LoadScale(long source);

    /// <summary>Which eight of the group's 32 numbers a thread stores first, 0 to 3.</summary>
    static abstract int FirstEight(int output, int half);

    /// <summary>Widens a thread's half of a group and stores it to shared memory.</summary>
    /// <param name="source">Where <see cref="Copy"/> put it.</param>
    /// <param name="target">Where the first eight go; 16 bits each.</param>
    /// <param name="output">The row of the tile.</param>
    /// <param name="isLow">Whether what the rounding to halves left over is stored instead.</param>
    static abstract void Widen(uint source, uint target, int output, bool isLow);
}

internal readonly struct GemmBF16 : IGemmWeights
{
    public static bool IsBrain => true;

    public static bool IsQuantized => false;

    public static int GroupBytes => 64;

    public static void Declare()
    {
    }

    public static void Copy(uint target, long source, int present)
    {
    }

    public static void LoadScale(long source)
    {
    }

    public static int FirstEight(int output, int half) => 0;

    public static void Widen(uint source, uint target, int output, bool isLow)
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

    public static void Copy(uint target, long source, int present)
    {
    }

    public static void LoadScale(long source)
    {
    }

    public static int FirstEight(int output, int half) => 0;

    public static void Widen(uint source, uint target, int output, bool isLow)
    {
    }
}

internal readonly struct GemmQ8 : IGemmWeights
{
    public static bool IsBrain => false;

    public static bool IsQuantized => true;

    public static int GroupBytes => 32;

    public static void Declare() => CudaAsm.Emit(GemmWidening.DeclareQ8);

    public static void Copy(uint target, long source, int present) => CudaAsm.Emit(GemmText.Copy16, target, source, present);

    public static void LoadScale(long source) => CudaAsm.Emit(GemmWidening.LoadScale, source);

    public static int FirstEight(int output, int half) => 2 * half;

    public static void Widen(uint source, uint target, int output, bool isLow)
    {
        CudaAsm.Emit(GemmWidening.TakeQ8, source);
        if (isLow)
        {
            CudaAsm.Emit(GemmWidening.Remainders);
        }
        else
        {
            CudaAsm.Emit(GemmWidening.Products);
        }

        CudaAsm.Emit(GemmWidening.Store, target, target ^ 16u);
    }
}

internal readonly struct GemmQ4 : IGemmWeights
{
    public static bool IsBrain => false;

    public static bool IsQuantized => true;

    public static int GroupBytes => 16;

    public static void Declare() => CudaAsm.Emit(GemmWidening.DeclareQ4);

    public static void Copy(uint target, long source, int present) => CudaAsm.Emit(GemmText.Copy8, target, source, present);

    public static void LoadScale(long source) => CudaAsm.Emit(GemmWidening.LoadScale, source);

    // A half has 8 columns in its low nibbles and, 16 further on, 8 in its high ones. Of every two pairs of rows one begins with the high
    // ones: the eight lanes that store together would otherwise meet in the banks.
    public static int FirstEight(int output, int half) => half + (output & 2);

    public static void Widen(uint source, uint target, int output, bool isLow)
    {
        int shift = (output & 2) << 1;
        CudaAsm.Emit(GemmWidening.TakeQ4, source, shift, shift ^ 4);
        if (isLow)
        {
            CudaAsm.Emit(GemmWidening.Remainders);
        }
        else
        {
            CudaAsm.Emit(GemmWidening.Products);
        }

        CudaAsm.Emit(GemmWidening.Store, target, target ^ 32u);
    }
}
