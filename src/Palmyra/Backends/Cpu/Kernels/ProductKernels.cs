using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>The kernels that multiply by weights of one kind at one vector width.</summary>
internal readonly unsafe struct ProductKernels
{
    /// <summary>Outputs of an item.</summary>
    public required int Width { get; init; }

    /// <summary><see cref="LinearJob"/>, over items times row blocks.</summary>
    public required delegate*<void*, int, int, int, void> Linear { get; init; }

    /// <summary>Floats of scratch that a worker of <see cref="Linear"/> needs.</summary>
    public required int LinearScratch { get; init; }

    /// <summary><see cref="ScoreJob"/>, over vocabulary blocks times row blocks.</summary>
    public required delegate*<void*, int, int, int, void> Score { get; init; }

    /// <summary>Floats of scratch that a worker of <see cref="Score"/> needs.</summary>
    public required int ScoreScratch { get; init; }

    /// <summary>The kernels of a product.</summary>
    public static ProductKernels Of<TVector, TProduct>()
        where TVector : struct, IVector<TVector>
        where TProduct : struct, IProduct => new()
        {
            Width = TProduct.Width,
            Linear = &LinearJob.Run<TVector, TProduct>,
            LinearScratch = LinearJob.ScratchLength<TProduct>(),
            Score = &ScoreJob.Run<TVector, TProduct>,
            ScoreScratch = ScoreJob.ScratchLength<TProduct>(),
        };
}
