using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Bundle.Measuring;

/// <summary>What the drivers of this run loaded and started.</summary>
internal sealed class KernelLog
{
    // By object: the one compiler gives each kernel once, and its text is long.
    private readonly Dictionary<PtxKernel, LoadedKernel> _kernels = new(ReferenceEqualityComparer.Instance);

    /// <summary>The kernels.</summary>
    public IReadOnlyCollection<LoadedKernel> Kernels => _kernels.Values;

    /// <summary>Kernels started by all drivers; what a replayed recording holds is not counted.</summary>
    public int Launches { get; private set; }

    /// <summary>Recordings replayed by all drivers.</summary>
    public int Replays { get; private set; }

    /// <summary>Notes a kernel, unless another driver had loaded it before: that one's loading was the cold one.</summary>
    public void Loaded(LoadedKernel kernel) => _kernels.TryAdd(kernel.Function.Kernel, kernel);

    /// <summary>Notes a replay.</summary>
    public void Replayed() => Replays++;

    /// <summary>Notes a start.</summary>
    public void Launched(PtxKernel kernel, int sharedBytes)
    {
        Launches++;
        LoadedKernel loaded = _kernels[kernel];
        loaded.Launches++;
        loaded.DynamicSharedBytes = Math.Max(loaded.DynamicSharedBytes, sharedBytes);
    }
}
