using ILGPU.Runtime.Cuda;

namespace Palmyra.Gpu.Kernels;

/// <summary>How large a piece of the result a block of a GEMM makes: Rows x Outputs numbers by 2·Outputs threads.</summary>
/// <remarks>Warps are a grid over the tile; <see cref="GemmText"/> says how a warp holds its numbers.</remarks>
internal interface IGemmTile
{
    /// <summary>Rows: as many as Outputs, or at most half of them.</summary>
    static abstract int Rows { get; }

    /// <summary>Outputs.</summary>
    static abstract int Outputs { get; }

    /// <summary>Rows of a warp.</summary>
    static abstract int WarpRows { get; }

    /// <summary>Outputs of a warp.</summary>
    static abstract int WarpOutputs { get; }

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
    public static int Rows => 128;

    public static int Outputs => 128;

    public static int WarpRows => 64;

    public static int WarpOutputs => 32;

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
    public static int Rows => 64;

    public static int Outputs => 64;

    public static int WarpRows => 32;

    public static int WarpOutputs => 32;

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

/// <summary>16 x 64 by 128 threads: for so few rows that only the weights' bytes count, each of which is read once.</summary>
internal readonly struct FlatTile : IGemmTile
{
    public static int Rows => 16;

    public static int Outputs => 64;

    public static int WarpRows => 16;

    public static int WarpOutputs => 16;

    public static void Clear() => CudaAsm.Emit(GemmText.Clear0);

    public static void FetchFirst(uint inputs, uint weights) => CudaAsm.Emit(GemmText.FetchFirst0, inputs, weights);

    public static void FetchSecond(uint inputs, uint weights) => CudaAsm.Emit(GemmText.FetchSecond0, inputs, weights);

    public static void Multiply<TWeights>()
        where TWeights : struct, IGemmWeights
    {
        if (TWeights.IsBrain)
        {
            CudaAsm.Emit(GemmText.Brain0);
        }
        else
        {
            CudaAsm.Emit(GemmText.Half0);
        }
    }

    public static void Store(uint at, uint eight) => CudaAsm.Emit(GemmText.StoreFlat, at, at + eight);
}
