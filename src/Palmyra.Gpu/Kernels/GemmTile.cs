using ILGPU.Runtime.Cuda;

namespace Palmyra.Gpu.Kernels;

/// <summary>How large a piece of the result a block of a GEMM makes: Size x Size numbers by 2·Size threads.</summary>
/// <remarks>Warps lie in two rows of Size/32; each makes Size/2 rows x 32 outputs. <see cref="GemmText"/> says how a warp holds
/// them.</remarks>
internal interface IGemmTile
{
    /// <summary>Rows, and outputs.</summary>
    static abstract int Size { get; }

    /// <summary>Sets the sums to zero.</summary>
    static abstract void Clear();

    /// <summary>Loads the warp's operands of a step's first 16 inputs from shared memory.</summary>
    static abstract void FetchFirst(uint inputs, uint weights);

    /// <summary>Loads those of its second.</summary>
    static abstract void FetchSecond(uint inputs, uint weights);

    /// <summary>Adds their products to the sums.</summary>
    static abstract void Multiply<TWeights>()
        where TWeights : struct, IGemmWeights;

    /// <summary>Stores the sums to shared memory.</summary>
    /// <param name="at">The offset of the lane's first two.</param>
    /// <param name="eight">From a row to the eighth after it.</param>
    static abstract void Store(uint at, uint eight);
}

/// <summary>128 x 128 by 256 threads: 64 sums a thread, each operand from shared memory used 32 and 64 times.</summary>
internal readonly struct LargeTile : IGemmTile
{
    public static int Size => 128;

    public static void Clear()
    {
        CudaAsm.Emit(GemmText.Clear01);
        CudaAsm.Emit(GemmText.Clear23);
    }

    public static void FetchFirst(uint inputs, uint weights) => CudaAsm.Emit(GemmText.FetchFirst0123, inputs, weights);

    public static void FetchSecond(uint inputs, uint weights) => CudaAsm.Emit(GemmText.FetchSecond0123, inputs, weights);

    public static void Multiply<TWeights>()
        where TWeights : struct, IGemmWeights
    {
        if (TWeights.IsBrain)
        {
            CudaAsm.Emit(GemmText.Brain01);
            CudaAsm.Emit(GemmText.Brain23);
        }
        else
        {
            CudaAsm.Emit(GemmText.Half01);
            CudaAsm.Emit(GemmText.Half23);
        }
    }

    public static void Store(uint at, uint eight)
    {
        CudaAsm.Emit(GemmText.Store0, at, at + eight);
        CudaAsm.Emit(GemmText.Store1, at + (2 * eight), at + (3 * eight));
        CudaAsm.Emit(GemmText.Store2, at + (4 * eight), at + (5 * eight));
        CudaAsm.Emit(GemmText.Store3, at + (6 * eight), at + (7 * eight));
    }
}

/// <summary>64 x 64 by 128 threads: four times the blocks, for products with few rows or few outputs.</summary>
internal readonly struct SmallTile : IGemmTile
{
    public static int Size => 64;

    public static void Clear() => CudaAsm.Emit(GemmText.Clear01);

    public static void FetchFirst(uint inputs, uint weights) => CudaAsm.Emit(GemmText.FetchFirst01, inputs, weights);

    public static void FetchSecond(uint inputs, uint weights) => CudaAsm.Emit(GemmText.FetchSecond01, inputs, weights);

    public static void Multiply<TWeights>()
        where TWeights : struct, IGemmWeights
    {
        if (TWeights.IsBrain)
        {
            CudaAsm.Emit(GemmText.Brain01);
        }
        else
        {
            CudaAsm.Emit(GemmText.Half01);
        }
    }

    public static void Store(uint at, uint eight)
    {
        CudaAsm.Emit(GemmText.Store0, at, at + eight);
        CudaAsm.Emit(GemmText.Store1, at + (2 * eight), at + (3 * eight));
    }
}
