using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Bundle.Measuring;

/// <summary>A kernel that was loaded, and what it takes.</summary>
/// <param name="function">As loaded first.</param>
/// <param name="milliseconds">What loading took: the driver's assembler, or its cache.</param>
internal sealed class LoadedKernel(GpuFunction function, double milliseconds)
{
    /// <summary>As loaded first.</summary>
    public GpuFunction Function { get; } = function;

    /// <summary>What loading took the first time.</summary>
    public double Milliseconds { get; } = milliseconds;

    /// <summary>How often it was started.</summary>
    public int Launches { get; set; }

    /// <summary>The most dynamic shared memory it was started with.</summary>
    public int DynamicSharedBytes { get; set; }
}
