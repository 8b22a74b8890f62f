namespace Palmyra.Gpu.Driver;

/// <summary>A loaded kernel.</summary>
/// <param name="kernel">What it was loaded from.</param>
public abstract class GpuFunction(PtxKernel kernel)
{
    /// <summary>What it was loaded from.</summary>
    public PtxKernel Kernel { get; } = kernel;

    /// <summary>Registers a thread takes; 0 where nobody knows.</summary>
    public abstract int Registers { get; }

    /// <summary>Bytes of local memory a thread takes: 0 in a kernel that keeps its numbers in registers.</summary>
    public abstract int LocalBytes { get; }
}
