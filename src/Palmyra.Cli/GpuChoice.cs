using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Speed;
using Palmyra.Gpu;
using Palmyra.Gpu.Driver;
using Palmyra.Models;

namespace Palmyra.Cli;

/// <summary>The GPU that --backend names. Only this, <c>devices</c> and <c>inspect --memory</c> load Palmyra.Gpu: other commands start without it.</summary>
internal static class GpuChoice
{
    // Whoever asks eval for larger batches than this gets them where the data is long enough; counted they are as if they were this large.
    private const int MostRows = 1 << 16;

    /// <summary>Opens a GPU.</summary>
    /// <param name="index">Its number, as <c>palmyra devices</c> lists it; null for the first that can be used.</param>
    /// <param name="options">How it works.</param>
    /// <exception cref="BackendException">It cannot be used, or does not open; the message says why.</exception>
    public static IBackend Open(int? index, GpuOptions options)
    {
        GpuDevice? device = GpuDevices.Find().Choose(index, out string? problem);
        return device is not null
            ? GpuBackends.Create(device, options)
            : throw new BackendException($"--backend gpu{(index is null ? string.Empty : $":{index}")} cannot be used. {problem} See 'palmyra devices'.");
    }

    /// <summary>Whether a backend runs on a GPU.</summary>
    public static bool IsGpu(IBackend backend) => GpuBackends.StepsOf(backend) is not null;

    /// <summary>The limits of the GPU a backend runs on; null where it runs on none.</summary>
    public static ISpeedLimits? LimitsOf(IBackend backend) => GpuBackends.LimitsOf(backend);

    /// <summary>Decodes, and counts how that reached the GPU; does nothing and gives null where the backend runs on none.</summary>
    /// <param name="backend">What decodes.</param>
    /// <param name="tokens">How many tokens.</param>
    /// <param name="decode">Decodes them.</param>
    public static StepCount? CountSteps(IBackend backend, int tokens, Action decode)
    {
        if (GpuBackends.StepsOf(backend) is not GpuStepCount before)
        {
            return null;
        }

        decode();
        GpuStepCount after = GpuBackends.StepsOf(backend)!;
        return new StepCount(tokens, after.Replays - before.Replays, after.Launches - before.Launches, after.WhyNoGraphs);
    }

    /// <summary>Says what does not fit before anything is loaded: refuses weights or turns to another backend, notes a context.</summary>
    /// <param name="backend">Where the model is to run; nothing is done where that is no GPU. Disposed where it is not returned.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="stored">How its checkpoint stores a matrix; null for a model that has none.</param>
    /// <param name="format">How its matrices are to be stored; null for the checkpoint's own.</param>
    /// <param name="cache">How keys and values are to be stored.</param>
    /// <param name="use">What the model will do.</param>
    /// <param name="instead">Makes what runs it where it does not fit; null to refuse it then.</param>
    /// <returns>What is to run the model.</returns>
    /// <exception cref="BackendException">It does not fit, and nothing is to run it instead.</exception>
    public static IBackend WithRoom(
        IBackend backend,
        ModelConfig config,
        Func<MatrixEntries, MatrixFormat>? stored,
        MatrixFormat? format,
        CacheFormat cache,
        ModelUse use,
        Func<IBackend>? instead)
    {
        try
        {
            CheckRoom(backend, config, stored, format, cache, use);
            return backend;
        }
        catch (BackendException shortage) when (instead is not null)
        {
            backend.Dispose();
            NoteCpu(shortage.Message);
            return instead();
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    private static void CheckRoom(
        IBackend backend, ModelConfig config, Func<MatrixEntries, MatrixFormat>? stored, MatrixFormat? format, CacheFormat cache, ModelUse use)
    {
        if (GpuBackends.FreeBytes(backend) is not long free)
        {
            return;
        }

        GpuModelSize size = GpuBackends.SizeOn(backend, config, stored);
        int rows = Math.Min(use.Rows ?? size.Rows, MostRows);
        if (use.MeasuredTokens is int tokens)
        {
            // All of it is certain to be used, so all of it must fit.
            long needed = size.WeightBytes(format) + size.CacheBytes(tokens, cache) + size.WorkingBytes(rows, format) + GpuBackends.LimitsBytes;
            if (needed > free)
            {
                throw new BackendException(
                    $"Measuring the model with {Columns.Count(tokens)} tokens wants {Columns.Bytes(needed)} of the GPU's memory, "
                    + $"{Columns.Bytes(GpuBackends.LimitsBytes)} of them for measuring its bandwidth, and {Columns.Bytes(free)} are free: "
                    + "use a narrower --dtype, a smaller model or fewer tokens.");
            }
        }
        else if (size.Shortage(free, format, cache, rows) is string shortage)
        {
            if (!size.Opens(free, format, rows))
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
                NoteCpu(devices.WhyNone);
            }

            return null;
        }

        try
        {
            return GpuBackends.Create(device, options);
        }
        catch (BackendException failure)
        {
            NoteCpu(failure.Message);
            return null;
        }
    }

    // Not silently: whoever has a GPU wants to know why it stands idle.
    private static void NoteCpu(string why) => Terminal.Note($"palmyra: note: the cpu runs this. {why}");
}
