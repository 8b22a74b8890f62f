namespace Palmyra.Gpu.Bundle.Measuring;

/// <summary>What the device's own copy reaches: the limit that everything bound by memory is a share of.</summary>
internal sealed class CopyBandwidth : IDisposable
{
    private readonly ObservedDriver _driver;
    private readonly long _bytes;
    private readonly nint _from;
    private readonly nint _to;

    /// <summary>Allocates.</summary>
    /// <param name="driver">The device.</param>
    /// <param name="bytes">How much to copy.</param>
    public CopyBandwidth(ObservedDriver driver, long bytes)
    {
        (_driver, _bytes) = (driver, bytes);
        _from = driver.Allocate(bytes);
        _to = driver.Allocate(bytes);
        driver.Clear(_from, bytes);
    }

    /// <summary>Copies once.</summary>
    /// <returns>Bytes read and written, a second.</returns>
    public double Measure() => 2.0 * _bytes / (_driver.Milliseconds(() => _driver.CopyWithin(_to, _from, _bytes)) / 1e3);

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        _driver.Free(_from);
        _driver.Free(_to);
    }
}
