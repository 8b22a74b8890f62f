using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu;

/// <summary>Makes the backend that runs on a GPU.</summary>
public static class GpuBackends
{
    /// <summary>Opens a device as a backend, whose calls are checked; the caller disposes it.</summary>
    /// <param name="device">One that <see cref="GpuDevices.Find()"/> found usable.</param>
    /// <param name="options">How it works; null for the usual.</param>
    /// <exception cref="BackendException">The device cannot be opened.</exception>
    public static IBackend Create(GpuDevice device, GpuOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(device);

        options ??= new GpuOptions();
        return new CheckedBackend(new GpuBackend(new CudaDriver(device), options: options)
        {
            Precision = options.ExactProducts ? GemmPrecision.Exact : GemmPrecision.Rounded,
        });
    }
}
