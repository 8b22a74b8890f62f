namespace Palmyra.Gpu.Driver;

/// <summary>What a GPU is asked to do: memory, modules, launches. The real one is NVIDIA's driver; tests have one that interprets PTX.</summary>
/// <remarks>
/// One ordered stream: calls take effect in the order they are made; <see cref="CopyOut"/> and <see cref="Synchronize"/> wait, everything
/// else may only enqueue. Used by one thread at a time. Whatever fails throws <see cref="Diagnostics.BackendException"/>, which names the
/// device, what was being done and the driver's own words.
/// </remarks>
public interface IGpuDriver : IDisposable
{
    /// <summary>The device.</summary>
    GpuDevice Device { get; }

    /// <summary>Bytes that can still be allocated.</summary>
    long FreeBytes { get; }

    /// <summary>Allocates device memory, aligned to 256 bytes; its content is undefined.</summary>
    /// <returns>The device address.</returns>
    nint Allocate(long bytes);

    /// <summary>Gives memory back, after everything enqueued has used it; during a recording, when the recording is disposed of.</summary>
    /// <remarks>Where everything enqueued turns out to have lost the device, that is told by the next call and not by this one.</remarks>
    void Free(nint address);

    /// <summary>Sets bytes to zero.</summary>
    void Clear(nint address, long bytes);

    /// <summary>Copies from the host; <paramref name="source"/> may be changed when this returns.</summary>
    void CopyIn(nint address, ReadOnlySpan<byte> source);

    /// <summary>Waits for the work in flight and copies to the host.</summary>
    void CopyOut(Span<byte> destination, nint address);

    /// <summary>Copies on the device; the ranges do not overlap.</summary>
    void CopyWithin(nint destination, nint source, long bytes);

    /// <summary>Loads a kernel's module, once; the driver keeps it until it is disposed.</summary>
    GpuFunction Load(PtxKernel kernel);

    /// <summary>Starts a kernel.</summary>
    /// <param name="function">The kernel.</param>
    /// <param name="shape">Blocks, threads and shared memory.</param>
    /// <param name="arguments">The parameters packed as the kernel declares them: each at a multiple of its size; see <see cref="KernelArguments"/>.</param>
    void Launch(GpuFunction function, in LaunchShape shape, ReadOnlySpan<byte> arguments);

    /// <summary>Starts recording launches and device copies instead of doing them.</summary>
    void BeginCapture();

    /// <summary>Ends recording.</summary>
    /// <returns>What was recorded, ready to be replayed.</returns>
    GpuGraph EndCapture();

    /// <summary>Does again what was recorded, with the same arguments.</summary>
    void Replay(GpuGraph graph);

    /// <summary>Runs work and waits for it.</summary>
    /// <param name="work">Calls of this driver; not while it is recording.</param>
    /// <returns>What the device took for it, in milliseconds.</returns>
    double Milliseconds(Action work);

    /// <summary>Waits until everything enqueued is done.</summary>
    void Synchronize();
}
