namespace Palmyra.Evaluation.Speed;

/// <summary>The limits of whatever runs a model, measured by a <see cref="SpeedMeasurement"/> in turn with it.</summary>
public interface ISpeedLimits : IDisposable
{
    /// <summary>What <see cref="Bandwidth"/> measures, to be put after "what": "4 threads read from memory".</summary>
    string BandwidthMeaning { get; }

    /// <summary>What <see cref="Peak"/> measures, to be put after "what"; null where nothing measures one.</summary>
    string? PeakMeaning { get; }

    /// <summary>Measures the memory bandwidth, in GB/s (10⁹ bytes).</summary>
    /// <exception cref="Diagnostics.BackendException">There is no memory for the measurement, or the device fails.</exception>
    double Bandwidth();

    /// <summary>Measures the arithmetic peak, in GFLOP/s; null where nothing measures one.</summary>
    double? Peak();
}
