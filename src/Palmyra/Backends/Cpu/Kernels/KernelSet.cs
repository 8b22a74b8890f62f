using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>The kernels of one vector width, as function pointers a <see cref="WorkerPool"/> can call.</summary>
internal sealed unsafe class KernelSet
{
    private readonly delegate*<void*, int, int, int, void>[] _linear;
    private readonly delegate*<void*, int, int, int, void>[] _score;

    private KernelSet(delegate*<void*, int, int, int, void>[] linear, delegate*<void*, int, int, int, void>[] score)
    {
        _linear = linear;
        _score = score;
    }

    public required int PanelWidth { get; init; }

    public required int TileRows { get; init; }

    public required int LinearScratch { get; init; }

    public required int ScoreScratch { get; init; }

    public required delegate*<void*, int, int, int, void> LayerNorm { get; init; }

    public required delegate*<void*, int, int, int, void> Activate { get; init; }

    /// <summary>Attention on pages of F32, of F16 without infinities and NaN, of F16 with them, and of Q8.</summary>
    public required delegate*<void*, int, int, int, void>[] Attends { private get; init; }

    public delegate*<void*, int, int, int, void> Linear(CpuMatrix weights) => _linear[Index(weights)];

    public delegate*<void*, int, int, int, void> Score(CpuMatrix weights) => _score[Index(weights)];

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
        VectorWidth.Bits512 => Of<Floats512>(),
        VectorWidth.Bits256 => Of<Floats256>(),
        VectorWidth.Bits128 => Of<Floats128>(),
        _ => Of<Floats32>(),
    };

    private static int Index(CpuMatrix weights) => weights.Format switch
    {
        MatrixFormat.F32 => 0,
        MatrixFormat.F16 => weights.IsFinite ? 3 : 1,
        _ => 2,
    };

    private static KernelSet Of<T>()
        where T : struct, IVector<T>
    {
        // In the order of Index.
        delegate*<void*, int, int, int, void>[] linear =
            [&LinearJob.Run<T, SingleStorage>, &LinearJob.Run<T, HalfStorage>, &LinearJob.Run<T, BFloat16Storage>, &LinearJob.Run<T, FiniteHalfStorage>];
        delegate*<void*, int, int, int, void>[] score =
            [&ScoreJob.Run<T, SingleStorage>, &ScoreJob.Run<T, HalfStorage>, &ScoreJob.Run<T, BFloat16Storage>, &ScoreJob.Run<T, FiniteHalfStorage>];
        return new KernelSet(linear, score)
        {
            PanelWidth = PanelProduct.PanelWidth<T>(),
            TileRows = T.TileRows,
            LinearScratch = LinearJob.ScratchLength<T>(),
            ScoreScratch = ScoreJob.ScratchLength<T>(),
            LayerNorm = &LayerNormJob.Run<T>,
            Activate = &ActivateJob.Run<T>,
            Attends =
                [&AttendJob.Run<T, SingleStorage>, &AttendJob.Run<T, FiniteHalfStorage>, &AttendJob.Run<T, HalfStorage>, &AttendJob.Run<T, SByteStorage>],
        };
    }
}
