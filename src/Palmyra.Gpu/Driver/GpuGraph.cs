namespace Palmyra.Gpu.Driver;

/// <summary>Recorded launches, which <see cref="IGpuDriver.Replay"/> does again.</summary>
public abstract class GpuGraph : IDisposable
{
    /// <summary>Gives the recording back.</summary>
    public abstract void Dispose();
}
