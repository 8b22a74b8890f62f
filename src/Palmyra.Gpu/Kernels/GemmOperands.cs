using Palmyra.Backends;

namespace Palmyra.Gpu.Kernels;

/// <summary>Where a GEMM's weights and results lie on the device, and what is done with the products.</summary>
internal readonly record struct GemmOperands
{
    /// <summary>Results.</summary>
    public required nint Y { get; init; }

    /// <summary>Weights as <see cref="GpuMatrix"/> lays them out; a multiple of 16.</summary>
    public required nint W { get; init; }

    /// <summary>Their scales, of Q8 and Q4.</summary>
    public nint Scales { get; init; }

    /// <summary>Scales from an output's to the next's.</summary>
    public int ScaleStride { get; init; }

    /// <summary>One number an output, or 0 for none.</summary>
    public nint Bias { get; init; }

    /// <summary>As <see cref="Y"/>, which it may be, or 0 for none.</summary>
    public nint Residual { get; init; }

    /// <summary>Numbers from a row of y, and of the residual, to the next.</summary>
    public required int YStride { get; init; }

    /// <summary>Applied before the residual is added.</summary>
    public Activation Activation { get; init; }
}
