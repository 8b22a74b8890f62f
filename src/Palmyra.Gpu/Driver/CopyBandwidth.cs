namespace Palmyra.Gpu.Driver;

/// <summary>What the device's own copy reaches: the limit that everything bound by memory is a share of.</summary>
internal sealed class CopyBandwidth : IDisposable
{
    private readonly IGpuDriver _driver;
    private readonly long _bytes;
    private readonly nint _from;
    private readonly nint _to;

    /// <summary>Allocates what is copied and where to.</summary>
    /// <param name="driver">The device; it outlives this object.</param>
    /// <param name="bytes">How much to copy: several times the device's caches.</param>
    /// <exception cref="Diagnostics.BackendException">There is no room for twice as much.</exception>
    public CopyBandwidth(IGpuDriver driver, long bytes)
    {
        (_driver, _bytes) = (driver, bytes);
        _from = driver.Allocate(bytes);
        try
        {
            _to = driver.Allocate(bytes);
            driver.Clear(_from, bytes);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Copies once.</summary>
    /// <returns>Bytes read and written, a second.</returns>
    public double Measure() => 2.0 * _bytes / (_driver.Milliseconds(() => _driver.CopyWithin(_to, _from, _bytes)) / 1e3);

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        _driver.Free(_from);
        if (_to != 0)
        {
            _driver.Free(_to);
        }
    }
}
