using Palmyra.Backends.Cpu;

namespace Palmyra.Evaluation.Speed;

/// <summary>The processor's limits: what so many threads read and compute; see <see cref="MachineLimits"/>.</summary>
/// <param name="threads">Those of the model's backend.</param>
public sealed class CpuSpeedLimits(int threads) : ISpeedLimits
{
    /// <inheritdoc/>
    public string BandwidthMeaning => threads == 1 ? "one thread reads from memory" : $"{threads} threads read from memory";

    /// <inheritdoc/>
    public string? PeakMeaning => threads == 1
        ? "one thread multiplies and adds in registers, in 32 bits"
        : $"{threads} threads multiply and add in registers, in 32 bits";

    /// <inheritdoc/>
    public double Bandwidth() => MachineLimits.ReadBandwidth(threads);

    /// <inheritdoc/>
    public double? Peak() => MachineLimits.FmaPeak(threads);

    /// <summary>Holds nothing between measurements.</summary>
    public void Dispose()
    {
    }
}
