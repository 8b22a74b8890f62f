using System.Diagnostics;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Bundle.Measuring;

/// <summary>A driver that notes what is loaded and started, and can time work.</summary>
/// <param name="inner">Does everything; disposed with this object.</param>
/// <param name="log">Takes the notes.</param>
internal sealed class ObservedDriver(IGpuDriver inner, KernelLog log) : IGpuDriver
{
    /// <inheritdoc/>
    public GpuDevice Device => inner.Device;

    /// <inheritdoc/>
    public long FreeBytes => inner.FreeBytes;

    /// <inheritdoc/>
    public double Milliseconds(Action work) => inner.Milliseconds(work);

    /// <inheritdoc/>
    public nint Allocate(long bytes) => inner.Allocate(bytes);

    /// <inheritdoc/>
    public void Free(nint address) => inner.Free(address);

    /// <inheritdoc/>
    public void Clear(nint address, long bytes) => inner.Clear(address, bytes);

    /// <inheritdoc/>
    public void CopyIn(nint address, ReadOnlySpan<byte> source) => inner.CopyIn(address, source);

    /// <inheritdoc/>
    public void CopyOut(Span<byte> destination, nint address) => inner.CopyOut(destination, address);

    /// <inheritdoc/>
    public void CopyWithin(nint destination, nint source, long bytes) => inner.CopyWithin(destination, source, bytes);

    /// <inheritdoc/>
    public GpuFunction Load(PtxKernel kernel)
    {
        long start = Stopwatch.GetTimestamp();
        GpuFunction function = inner.Load(kernel);
        log.Loaded(new LoadedKernel(function, Stopwatch.GetElapsedTime(start).TotalMilliseconds));
        return function;
    }

    /// <inheritdoc/>
    public void Launch(GpuFunction function, in LaunchShape shape, ReadOnlySpan<byte> arguments)
    {
        inner.Launch(function, shape, arguments);
        log.Launched(function.Kernel, shape.SharedBytes);
    }

    /// <inheritdoc/>
    public void BeginCapture() => inner.BeginCapture();

    /// <inheritdoc/>
    public GpuGraph EndCapture() => inner.EndCapture();

    /// <inheritdoc/>
    public void Replay(GpuGraph graph)
    {
        inner.Replay(graph);
        log.Replayed();
    }

    /// <inheritdoc/>
    public void Synchronize() => inner.Synchronize();

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();
}
