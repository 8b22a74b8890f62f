using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Gpu;
using Palmyra.Gpu.Driver;

namespace Palmyra.Cli;

/// <summary>The GPU that --backend names. Only this and <c>palmyra devices</c> load Palmyra.Gpu: other commands start without it.</summary>
internal static class GpuChoice
{
    /// <summary>Opens the first GPU that can be used.</summary>
    /// <exception cref="BackendException">There is none, or it does not open; the message says why.</exception>
    /// <param name="options">How it works.</param>
    public static IBackend Open(GpuOptions options)
    {
        GpuDevices devices = GpuDevices.Find();
        return GpuBackends.Create(devices.FirstUsable
            ?? throw new BackendException($"--backend gpu finds no GPU to use: {devices.WhyNone} See 'palmyra devices'."), options);
    }

    /// <summary>Opens the first GPU that can be used; null where there is none, or none that opens.</summary>
    /// <param name="options">How it works.</param>
    public static IBackend? TryOpen(GpuOptions options)
    {
        GpuDevices devices = GpuDevices.Find();
        if (devices.FirstUsable is not GpuDevice device)
        {
            if (devices.Found.Count > 0)
            {
                Terminal.Note($"palmyra: note: the cpu runs this. {devices.WhyNone}");
            }

            return null;
        }

        try
        {
            return GpuBackends.Create(device, options);
        }
        catch (BackendException failure)
        {
            // Not silently: whoever has a GPU wants to know why it stands idle.
            Terminal.Note($"palmyra: note: the cpu runs this. {failure.Message}");
            return null;
        }
    }
}
