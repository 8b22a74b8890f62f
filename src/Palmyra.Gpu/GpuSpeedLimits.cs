using System.Globalization;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>A GPU's limits: its own copy from memory to memory. Arithmetic has none here.</summary>
/// <remarks>
/// What is copied is allocated by the first measurement, when the model's steps have what they need, and held from then on, since memory that goes
/// back to the device takes every recorded step with it. An arithmetic peak would need a kernel that is known to reach it; a share of the best of
/// our own products would be a share of nothing.
/// </remarks>
/// <param name="driver">The device; it outlives this object.</param>
/// <param name="bytes">How much to copy, of which twice as much is taken; null for what <see cref="BytesFor"/> says at the first measurement.</param>
internal sealed class GpuSpeedLimits(IGpuDriver driver, long? bytes = null) : ISpeedLimits
{
    private const long MiB = 1 << 20;

    // A copy goes through twice its bytes. The level-2 caches of today's GPUs hold up to 126 MB, and what lies in them is not memory's speed: the
    // least goes through 134 MB, of which such a cache may keep a part, so that bandwidth errs high and shares of it low; the most through 537 MB.
    private const long LeastBytes = 64 * MiB;
    private const long MostBytes = 256 * MiB;

    // What else runs on the device wants some, too.
    private const int Parts = 4;

    private const int Passes = 3;

    private CopyBandwidth? _copy;

    /// <summary>Bytes that must be free for the smallest measurement.</summary>
    public const long LeastFreeBytes = 2 * LeastBytes;

    /// <inheritdoc/>
    public string BandwidthMeaning => "the GPU copies in its memory, bytes read and bytes written";

    /// <inheritdoc/>
    public string? PeakMeaning => null;

    /// <summary>How much to copy on a device: a quarter of what is free, but enough that caches hardly matter and no more than is needed.</summary>
    /// <exception cref="BackendException">There is not enough memory.</exception>
    public static long BytesFor(IGpuDriver driver)
    {
        long free = driver.FreeBytes;
        return free >= LeastFreeBytes
            ? Math.Clamp(free / Parts / MiB * MiB, LeastBytes, MostBytes)
            : throw new BackendException(string.Create(
                CultureInfo.InvariantCulture,
                $"GPU {driver.Device.Index} ({driver.Device.Name}) has {free / MiB:N0} MiB free beside the model; measuring its bandwidth wants "
                + $"{LeastFreeBytes / MiB:N0} MiB free: use a narrower format, a smaller model or a shorter context."));
    }

    /// <inheritdoc/>
    public double Bandwidth()
    {
        _copy ??= new CopyBandwidth(driver, bytes ?? BytesFor(driver));
        return Enumerable.Range(0, Passes).Max(_ => _copy.Measure()) / 1e9;
    }

    /// <inheritdoc/>
    public double? Peak() => null;

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        _copy?.Dispose();
        _copy = null;
    }
}
