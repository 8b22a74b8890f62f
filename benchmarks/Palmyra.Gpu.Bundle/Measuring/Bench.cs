using Palmyra.Backends;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu.Bundle.Measuring;

/// <summary>What all parts run on: a device, one compiler, one log of kernels.</summary>
/// <param name="open">Opens the device anew.</param>
/// <param name="compiler">Compiles each kernel once for all parts.</param>
/// <param name="options">What was asked for.</param>
internal sealed class Bench(Func<IGpuDriver> open, KernelCompiler compiler, BundleOptions options)
{
    /// <summary>What was asked for.</summary>
    public BundleOptions Options { get; } = options;

    /// <summary>What was loaded and started.</summary>
    public KernelLog Log { get; } = new();

    /// <summary>Opens the device; the caller disposes it, or the backend made of it.</summary>
    public ObservedDriver Open() => new(open(), Log);

    /// <summary>What kernels are started on by themselves.</summary>
    /// <param name="driver">Disposed with the runtime.</param>
    public GpuRuntime Runtime(ObservedDriver driver) => new(driver, compiler, graphs: false);

    /// <summary>A backend as users get it: arguments are checked.</summary>
    /// <param name="driver">Disposed with the backend.</param>
    /// <param name="precision">How products on tensor cores are made.</param>
    public IBackend Backend(ObservedDriver driver, GemmPrecision precision = GemmPrecision.Rounded) =>
        new CheckedBackend(new GpuBackend(driver, compiler) { Precision = precision });
}
