using ILGPU.Runtime.Cuda;

namespace Palmyra.Gpu.Kernels;

/// <summary>What a block of <see cref="TensorAttention"/> holds at a time: how many numbers of a head at most, and how many keys.</summary>
/// <remarks>
/// All that names a number of registers which depends on it: a warp's scores and sums of values. <see cref="TensorAttentionText"/> says
/// which.
/// </remarks>
internal interface IAttentionTile
{
    /// <summary>Numbers of a head, at most: the length of a row in shared memory.</summary>
    static abstract int Size { get; }

    /// <summary>Keys of a tile.</summary>
    static abstract int Keys { get; }

    /// <summary>Declares registers and sets the sums to zero.</summary>
    static abstract void Declare();

    /// <summary>Sets the scores to zero.</summary>
    static abstract void ClearScores();

    /// <summary>Adds the products of 16 dimensions to the scores.</summary>
    /// <param name="at">Their offset in the lane's row of keys.</param>
    static abstract void AddScores(uint at);

    /// <summary>Makes the scores of keys that are not seen −∞.</summary>
    /// <param name="back">Tokens from the lane's first key to its first query.</param>
    /// <param name="far">To its second.</param>
    /// <param name="window">Tokens that are seen.</param>
    static abstract void Mask(int back, int far, uint window);

    /// <summary>Makes exponentials of scores.</summary>
    static abstract void Exponentiate();

    /// <summary>Adds values times exponentials to the sums, and the exponentials to theirs.</summary>
    /// <param name="turn">What the places of a lane's row are turned by.</param>
    /// <param name="steps">Sixteens of dimensions.</param>
    static abstract void AddValues(uint turn, int steps);

    /// <summary>Stores the sums of values to shared memory.</summary>
    /// <param name="at">The offset of the lane's first two.</param>
    /// <param name="eight">From a row to the eighth after it.</param>
    /// <param name="steps">Sixteens of dimensions.</param>
    static abstract void Store(uint at, uint eight, int steps);
}

/// <summary>Heads of up to 64 numbers, 64 keys.</summary>
internal readonly struct NarrowHeads : IAttentionTile
{
    // Sixteen rows of 64 halves.
    private const uint Sixteen = 16 * 64 * 2;

    public static int Size => 64;

    public static int Keys => 64;

    public static void Declare()
    {
        CudaAsm.Emit(TensorAttentionText.Declare64);
        CudaAsm.Emit(TensorAttentionText.ClearTo64);
    }

    public static void ClearScores()
    {
        CudaAsm.Emit(TensorAttentionText.ClearScores01);
        CudaAsm.Emit(TensorAttentionText.ClearScores23);
    }

    public static void AddScores(uint at)
    {
        CudaAsm.Emit(TensorAttentionText.Scores01, at, at + Sixteen);
        CudaAsm.Emit(TensorAttentionText.Scores23, at + (2 * Sixteen), at + (3 * Sixteen));
    }

    public static void Mask(int back, int far, uint window)
    {
        CudaAsm.Emit(TensorAttentionText.Mask01, back, far, window);
        CudaAsm.Emit(TensorAttentionText.Mask23, back - 32, far - 32, window);
    }

    public static void Exponentiate()
    {
        CudaAsm.Emit(TensorAttentionText.Max01);
        CudaAsm.Emit(TensorAttentionText.Max23);
        CudaAsm.Emit(TensorAttentionText.Rescale);
        CudaAsm.Emit(TensorAttentionText.Exponentials01);
        CudaAsm.Emit(TensorAttentionText.Exponentials23);
    }

    public static void AddValues(uint turn, int steps)
    {
        CudaAsm.Emit(TensorAttentionText.Sums01);
        CudaAsm.Emit(TensorAttentionText.Sums23);
        AddFirst(turn, steps, Sixteen);
    }

    public static void Store(uint at, uint eight, int steps) => StoreFirst(at, at + eight, steps);

    /// <summary>Dimensions 0 to 63 of 64 keys.</summary>
    /// <param name="turn">What the places of a lane's row are turned by.</param>
    /// <param name="steps">Sixteens of dimensions.</param>
    /// <param name="sixteen">From a row of values to the sixteenth after it.</param>
    internal static void AddFirst(uint turn, int steps, uint sixteen)
    {
        CudaAsm.Emit(TensorAttentionText.Values0, turn, turn + sixteen);
        CudaAsm.Emit(TensorAttentionText.More0, turn + (2 * sixteen), turn + (3 * sixteen));
        if (steps > 1)
        {
            uint at = turn ^ 32;
            CudaAsm.Emit(TensorAttentionText.Values1, at, at + sixteen);
            CudaAsm.Emit(TensorAttentionText.More1, at + (2 * sixteen), at + (3 * sixteen));
        }

        if (steps > 2)
        {
            uint at = turn ^ 64;
            CudaAsm.Emit(TensorAttentionText.Values2, at, at + sixteen);
            CudaAsm.Emit(TensorAttentionText.More2, at + (2 * sixteen), at + (3 * sixteen));
        }

        if (steps > 3)
        {
            uint at = turn ^ 96;
            CudaAsm.Emit(TensorAttentionText.Values3, at, at + sixteen);
            CudaAsm.Emit(TensorAttentionText.More3, at + (2 * sixteen), at + (3 * sixteen));
        }
    }

    /// <summary>Dimensions 0 to 63.</summary>
    internal static void StoreFirst(uint at, uint further, int steps)
    {
        CudaAsm.Emit(TensorAttentionText.Store0, at, further);
        if (steps > 1)
        {
            CudaAsm.Emit(TensorAttentionText.Store1, at, further);
        }

        if (steps > 2)
        {
            CudaAsm.Emit(TensorAttentionText.Store2, at, further);
        }

        if (steps > 3)
        {
            CudaAsm.Emit(TensorAttentionText.Store3, at, further);
        }
    }
}

/// <summary>Heads of up to 128 numbers, 64 keys.</summary>
internal readonly struct MiddleHeads : IAttentionTile
{
    private const uint Sixteen = 16 * 128 * 2;

    public static int Size => 128;

    public static int Keys => 64;

    public static void Declare()
    {
        CudaAsm.Emit(TensorAttentionText.Declare128);
        CudaAsm.Emit(TensorAttentionText.ClearTo64);
        CudaAsm.Emit(TensorAttentionText.Clear64To128);
    }

    public static void ClearScores() => NarrowHeads.ClearScores();

    public static void AddScores(uint at)
    {
        CudaAsm.Emit(TensorAttentionText.Scores01, at, at + Sixteen);
        CudaAsm.Emit(TensorAttentionText.Scores23, at + (2 * Sixteen), at + (3 * Sixteen));
    }

    public static void Mask(int back, int far, uint window) => NarrowHeads.Mask(back, far, window);

    public static void Exponentiate() => NarrowHeads.Exponentiate();

    public static void AddValues(uint turn, int steps)
    {
        CudaAsm.Emit(TensorAttentionText.Sums01);
        CudaAsm.Emit(TensorAttentionText.Sums23);
        NarrowHeads.AddFirst(turn, steps, Sixteen);

        if (steps > 4)
        {
            uint at = turn ^ 128;
            CudaAsm.Emit(TensorAttentionText.Values4, at, at + Sixteen);
            CudaAsm.Emit(TensorAttentionText.More4, at + (2 * Sixteen), at + (3 * Sixteen));
        }

        if (steps > 5)
        {
            uint at = turn ^ 160;
            CudaAsm.Emit(TensorAttentionText.Values5, at, at + Sixteen);
            CudaAsm.Emit(TensorAttentionText.More5, at + (2 * Sixteen), at + (3 * Sixteen));
        }

        if (steps > 6)
        {
            uint at = turn ^ 192;
            CudaAsm.Emit(TensorAttentionText.Values6, at, at + Sixteen);
            CudaAsm.Emit(TensorAttentionText.More6, at + (2 * Sixteen), at + (3 * Sixteen));
        }

        if (steps > 7)
        {
            uint at = turn ^ 224;
            CudaAsm.Emit(TensorAttentionText.Values7, at, at + Sixteen);
            CudaAsm.Emit(TensorAttentionText.More7, at + (2 * Sixteen), at + (3 * Sixteen));
        }
    }

    public static void Store(uint at, uint eight, int steps)
    {
        NarrowHeads.StoreFirst(at, at + eight, steps);
        StoreSecond(at, at + eight, steps);
    }

    /// <summary>Dimensions 64 to 127.</summary>
    internal static void StoreSecond(uint at, uint further, int steps)
    {
        if (steps > 4)
        {
            CudaAsm.Emit(TensorAttentionText.Store4, at, further);
        }

        if (steps > 5)
        {
            CudaAsm.Emit(TensorAttentionText.Store5, at, further);
        }

        if (steps > 6)
        {
            CudaAsm.Emit(TensorAttentionText.Store6, at, further);
        }

        if (steps > 7)
        {
            CudaAsm.Emit(TensorAttentionText.Store7, at, further);
        }
    }
}

/// <summary>
/// Heads of up to 256 numbers, 32 keys: with 64, a lane's scores and sums would be 160 registers, and a multiprocessor's shared memory
/// would hold two blocks instead of three.
/// </summary>
internal readonly struct WideHeads : IAttentionTile
{
    private const uint Sixteen = 16 * 256 * 2;

    public static int Size => 256;

    public static int Keys => 32;

    public static void Declare()
    {
        CudaAsm.Emit(TensorAttentionText.Declare256);
        CudaAsm.Emit(TensorAttentionText.ClearTo64);
        CudaAsm.Emit(TensorAttentionText.Clear64To128);
        CudaAsm.Emit(TensorAttentionText.Clear128To256);
    }

    public static void ClearScores() => CudaAsm.Emit(TensorAttentionText.ClearScores01);

    public static void AddScores(uint at) => CudaAsm.Emit(TensorAttentionText.Scores01, at, at + Sixteen);

    public static void Mask(int back, int far, uint window) => CudaAsm.Emit(TensorAttentionText.Mask01, back, far, window);

    public static void Exponentiate()
    {
        CudaAsm.Emit(TensorAttentionText.Max01);
        CudaAsm.Emit(TensorAttentionText.Rescale);
        CudaAsm.Emit(TensorAttentionText.Exponentials01);
    }

    public static void AddValues(uint turn, int steps)
    {
        CudaAsm.Emit(TensorAttentionText.Sums01);
        CudaAsm.Emit(TensorAttentionText.Values0, turn, turn + Sixteen);
        if (steps > 1)
        {
            CudaAsm.Emit(TensorAttentionText.Values1, turn ^ 32, (turn ^ 32) + Sixteen);
        }

        if (steps > 2)
        {
            CudaAsm.Emit(TensorAttentionText.Values2, turn ^ 64, (turn ^ 64) + Sixteen);
        }

        if (steps > 3)
        {
            CudaAsm.Emit(TensorAttentionText.Values3, turn ^ 96, (turn ^ 96) + Sixteen);
        }

        if (steps > 4)
        {
            CudaAsm.Emit(TensorAttentionText.Values4, turn ^ 128, (turn ^ 128) + Sixteen);
        }

        if (steps > 5)
        {
            CudaAsm.Emit(TensorAttentionText.Values5, turn ^ 160, (turn ^ 160) + Sixteen);
        }

        if (steps > 6)
        {
            CudaAsm.Emit(TensorAttentionText.Values6, turn ^ 192, (turn ^ 192) + Sixteen);
        }

        if (steps > 7)
        {
            CudaAsm.Emit(TensorAttentionText.Values7, turn ^ 224, (turn ^ 224) + Sixteen);
        }

        if (steps > 8)
        {
            CudaAsm.Emit(TensorAttentionText.Values8, turn ^ 256, (turn ^ 256) + Sixteen);
        }

        if (steps > 9)
        {
            CudaAsm.Emit(TensorAttentionText.Values9, turn ^ 288, (turn ^ 288) + Sixteen);
        }

        if (steps > 10)
        {
            CudaAsm.Emit(TensorAttentionText.Values10, turn ^ 320, (turn ^ 320) + Sixteen);
        }

        if (steps > 11)
        {
            CudaAsm.Emit(TensorAttentionText.Values11, turn ^ 352, (turn ^ 352) + Sixteen);
        }

        if (steps > 12)
        {
            CudaAsm.Emit(TensorAttentionText.Values12, turn ^ 384, (turn ^ 384) + Sixteen);
        }

        if (steps > 13)
        {
            CudaAsm.Emit(TensorAttentionText.Values13, turn ^ 416, (turn ^ 416) + Sixteen);
        }

        if (steps > 14)
        {
            CudaAsm.Emit(TensorAttentionText.Values14, turn ^ 448, (turn ^ 448) + Sixteen);
        }

        if (steps > 15)
        {
            CudaAsm.Emit(TensorAttentionText.Values15, turn ^ 480, (turn ^ 480) + Sixteen);
        }
    }

    public static void Store(uint at, uint eight, int steps)
    {
        NarrowHeads.StoreFirst(at, at + eight, steps);
        MiddleHeads.StoreSecond(at, at + eight, steps);
        if (steps > 8)
        {
            CudaAsm.Emit(TensorAttentionText.Store8, at, at + eight);
        }

        if (steps > 9)
        {
            CudaAsm.Emit(TensorAttentionText.Store9, at, at + eight);
        }

        if (steps > 10)
        {
            CudaAsm.Emit(TensorAttentionText.Store10, at, at + eight);
        }

        if (steps > 11)
        {
            CudaAsm.Emit(TensorAttentionText.Store11, at, at + eight);
        }

        if (steps > 12)
        {
            CudaAsm.Emit(TensorAttentionText.Store12, at, at + eight);
        }

        if (steps > 13)
        {
            CudaAsm.Emit(TensorAttentionText.Store13, at, at + eight);
        }

        if (steps > 14)
        {
            CudaAsm.Emit(TensorAttentionText.Store14, at, at + eight);
        }

        if (steps > 15)
        {
            CudaAsm.Emit(TensorAttentionText.Store15, at, at + eight);
        }
    }
}
