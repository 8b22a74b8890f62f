using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>A launch with all it takes by value, addresses included: to be sent now or later.</summary>
/// <param name="kernel">The kernel.</param>
/// <param name="shape">Blocks, threads and shared memory.</param>
/// <param name="arguments">Its parameters.</param>
internal readonly struct KernelLaunch(Delegate kernel, in LaunchShape shape, in KernelArguments arguments)
{
    /// <summary>The kernel.</summary>
    public readonly Delegate Kernel = kernel;

    /// <summary>Blocks, threads and shared memory.</summary>
    public readonly LaunchShape Shape = shape;

    /// <summary>Its parameters.</summary>
    public readonly KernelArguments Arguments = arguments;
}
