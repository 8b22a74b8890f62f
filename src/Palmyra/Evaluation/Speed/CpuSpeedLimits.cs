using Palmyra.Backends.Cpu;

namespace Palmyra.Evaluation.Speed;

/// <summary>The processor's limits: what so many threads read and compute; see <see cref="MachineLimits"/>.</summary>
/// <param name="threads">Those of the model's backend.</param>
public sealed class CpuSpeedLimits(int threads) : ISpeedLimits
{
    private readonly string _threads = threads == 1 ? "one thread" : $"{threads} threads";

    /// <inheritdoc/>
    public string BandwidthMeaning => $"{_threads} read from memory";

    /// <inheritdoc/>
    public string? PeakMeaning => $"{_threads} multiply and add in registers, in 32 bits";

    /// <inheritdoc/>
    public double Bandwidth() => MachineLimits.ReadBandwidth(threads);

    /// <inheritdoc/>
    public double? Peak() => MachineLimits.FmaPeak(threads);

    /// <summary>Holds nothing between measurements.</summary>
    public void Dispose()
    {
    }
}
