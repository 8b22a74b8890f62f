using System.Globalization;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>A GPU's limits: its own copy from memory to memory. Arithmetic has none here.</summary>
/// <remarks>
/// The buffers are held from one measurement to the next, since memory that goes back to the device takes every recorded step with it. An
/// arithmetic peak would need a kernel that is known to reach it; a share of the best of our own products would be a share of nothing.
/// </remarks>
internal sealed class GpuSpeedLimits : ISpeedLimits
{
    private const long MiB = 1 << 20;

    // The level-2 caches of today's GPUs hold up to 126 MB, and what lies in them is not memory's speed.
    private const long LeastBytes = 128 * MiB;
    private const long MostBytes = 512 * MiB;

    // Of what is free, the model's first steps want some for their scratch memory.
    private const int Parts = 4;

    private const int Passes = 3;

    private readonly CopyBandwidth _copy;

    /// <summary>Allocates what is copied.</summary>
    /// <param name="driver">The device; it outlives this object.</param>
    /// <param name="bytes">How much to copy; twice as much is taken.</param>
    public GpuSpeedLimits(IGpuDriver driver, long bytes) => _copy = new CopyBandwidth(driver, bytes);

    /// <inheritdoc/>
    public string BandwidthMeaning => "the GPU copies in its memory, bytes read and bytes written";

    /// <inheritdoc/>
    public string? PeakMeaning => null;

    /// <summary>How much to copy on a device: enough that caches do not matter, and no more than a quarter of what is free.</summary>
    /// <exception cref="BackendException">There is not enough memory.</exception>
    public static long BytesFor(IGpuDriver driver)
    {
        long free = driver.FreeBytes;
        return free / Parts >= LeastBytes
            ? Math.Min(MostBytes, free / Parts / MiB * MiB)
            : throw new BackendException(string.Create(
                CultureInfo.InvariantCulture,
                $"GPU {driver.Device.Index} ({driver.Device.Name}) has {free / MiB:N0} MiB free beside the model; measuring its bandwidth takes "
                + $"{Parts * LeastBytes / MiB:N0}: use a narrower format, a smaller model or a shorter context."));
    }

    /// <inheritdoc/>
    public double Bandwidth() => Enumerable.Range(0, Passes).Max(_ => _copy.Measure()) / 1e9;

    /// <inheritdoc/>
    public double? Peak() => null;

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => _copy.Dispose();
}
