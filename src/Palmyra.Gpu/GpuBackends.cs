using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Models;

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

    /// <summary>Bytes that can still be allocated on the GPU a backend runs on; null for a backend that runs on none.</summary>
    public static long? FreeBytes(IBackend backend) => GpuOf(backend)?.Driver.FreeBytes;

    /// <summary>The size of a model on the GPU a backend runs on.</summary>
    /// <param name="backend">A GPU's.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="stored">How its checkpoint stores a matrix; null for a model that has none.</param>
    /// <exception cref="ArgumentException">The backend runs on no GPU.</exception>
    public static GpuModelSize SizeOn(IBackend backend, ModelConfig config, Func<MatrixEntries, MatrixFormat>? stored = null) =>
        new(config, stored, (GpuOf(backend) ?? throw new ArgumentException("The backend runs on no GPU.", nameof(backend))).Driver.Device.Multiprocessors);

    /// <summary>How the work of a backend reached its GPU; null for a backend that runs on none.</summary>
    public static GpuStepCount? StepsOf(IBackend backend) => GpuOf(backend)?.Driver is StepDriver steps
        ? new GpuStepCount(steps.Launches, steps.Recordings, steps.Replays, steps.WhyNoGraphs)
        : null;

    /// <summary>The limits of the GPU a backend runs on, to be disposed before it; null for a backend that runs on none.</summary>
    /// <remarks>
    /// From the first measurement until they are disposed they hold <see cref="LimitsBytes"/> of the device, up to four times as much where that is
    /// a quarter of what is free. Measure first when a step of every kind has run, since its memory comes first.
    /// </remarks>
    public static ISpeedLimits? LimitsOf(IBackend backend) => GpuOf(backend)?.Driver is StepDriver driver ? new GpuSpeedLimits(driver) : null;

    /// <summary>The least memory of the device with which <see cref="LimitsOf"/> measures.</summary>
    public static long LimitsBytes => GpuSpeedLimits.LeastFreeBytes;

    private static GpuBackend? GpuOf(IBackend backend) => backend switch
    {
        GpuBackend gpu => gpu,
        CheckedBackend { Inner: var inner } => GpuOf(inner),
        _ => null,
    };
}
