using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>The kernels of one vector width, as function pointers a <see cref="WorkerPool"/> can call.</summary>
internal sealed unsafe class KernelSet
{
    private readonly ProductKernels[] _products;

    private KernelSet(ProductKernels[] products) => _products = products;

    /// <summary>Outputs of a dense panel; Q8 and Q4 have <see cref="Quantization.PanelLayout"/>'s at every width.</summary>
    public required int PanelWidth { get; init; }

    public required int TileRows { get; init; }

    public required delegate*<void*, int, int, int, void> QuantizeRows16 { get; init; }

    public required delegate*<void*, int, int, int, void> QuantizeRows8 { get; init; }

    public required delegate*<void*, int, int, int, void> LayerNorm { get; init; }

    public required delegate*<void*, int, int, int, void> Activate { get; init; }

    /// <summary>Attention on pages of F32, of F16 without infinities and NaN, of F16 with them, and of Q8.</summary>
    public required delegate*<void*, int, int, int, void>[] Attends { private get; init; }

    /// <summary>The products with weights of this kind.</summary>
    public ref readonly ProductKernels Products(CpuMatrix weights) => ref _products[Index(weights)];

    /// <summary>Attention on the pages of a cache as it is now.</summary>
    public delegate*<void*, int, int, int, void> Attend(CpuKvCache cache) => cache.Format switch
    {
        CacheFormat.F32 => Attends[0],
        CacheFormat.F16 => Attends[cache.IsFinite ? 1 : 2],
        _ => Attends[3],
    };

    /// <summary>Storing keys and values; the same at every width.</summary>
    public static delegate*<void*, int, int, int, void> Store(CacheFormat format) => format switch
    {
        CacheFormat.F32 => &StoreJob.Run<SingleNumbers>,
        CacheFormat.F16 => &StoreJob.Run<HalfNumbers>,
        _ => &StoreJob.Run<ByteNumbers>,
    };

    /// <summary>The set of a width.</summary>
    public static KernelSet Of(VectorWidth width) => width switch
    {
        VectorWidth.Bits512 => Of<Floats512, Integers512>(),
        VectorWidth.Bits256 => Of<Floats256, Integers256>(),
        VectorWidth.Bits128 => Of<Floats128, Integers128>(),
        _ => Of<Floats32, Integers32>(),
    };

    private static int Index(CpuMatrix weights) => weights.Format switch
    {
        MatrixFormat.F32 => 0,
        MatrixFormat.F16 => weights.IsRaised ? 1 : 2,
        MatrixFormat.BF16 => 3,
        MatrixFormat.Q8 => 4,
        _ => 5,
    };

    private static KernelSet Of<T, TIntegers>()
        where T : struct, IVector<T>
        where TIntegers : struct, IIntegers<TIntegers, T>
    {
        // In the order of Index.
        ProductKernels[] products =
        [
            ProductKernels.Of<T, DenseProduct<T>>(),
            ProductKernels.Of<T, NarrowProduct<T, TIntegers, RaisedHalves>>(),
            ProductKernels.Of<T, NarrowProduct<T, TIntegers, HalfBits>>(),
            ProductKernels.Of<T, NarrowProduct<T, TIntegers, BFloat16>>(),
            ProductKernels.Of<T, Q8Product<T, TIntegers>>(),
            ProductKernels.Of<T, Q4Product<T, TIntegers>>(),
        ];
        return new KernelSet(products)
        {
            PanelWidth = PanelProduct.PanelWidth<T>(),
            TileRows = T.TileRows,
            QuantizeRows16 = &QuantizeRowsJob.Run16<T>,
            QuantizeRows8 = &QuantizeRowsJob.Run8<T>,
            LayerNorm = &LayerNormJob.Run<T>,
            Activate = &ActivateJob.Run<T>,
            Attends =
                [&AttendJob.Run<T, SingleStorage>, &AttendJob.Run<T, FiniteHalfStorage>, &AttendJob.Run<T, HalfStorage>, &AttendJob.Run<T, SByteStorage>],
        };
    }
}
