using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Gpu;
using Palmyra.Gpu.Driver;
using Palmyra.Models;

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

    /// <summary>Says what does not fit before anything is loaded: refuses weights, notes a context.</summary>
    /// <param name="backend">Where the model is to run; nothing is done where that is no GPU.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="stored">How its checkpoint stores a matrix; null for a model that has none.</param>
    /// <param name="format">How its matrices are to be stored; null for the checkpoint's own.</param>
    /// <param name="cache">How keys and values are to be stored.</param>
    /// <exception cref="BackendException">The weights do not fit.</exception>
    public static void CheckRoom(
        IBackend backend, ModelConfig config, Func<MatrixEntries, MatrixFormat>? stored, MatrixFormat? format, CacheFormat cache)
    {
        if (GpuBackends.FreeBytes(backend) is not long free)
        {
            return;
        }

        GpuModelSize size = GpuBackends.SizeOn(backend, config, stored);
        if (size.Shortage(free, format, cache) is string shortage)
        {
            if (!size.Opens(free, format))
            {
                throw new BackendException(shortage);
            }

            // A short text may do with less than a context.
            Terminal.Note($"palmyra: note: {shortage}");
        }
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
