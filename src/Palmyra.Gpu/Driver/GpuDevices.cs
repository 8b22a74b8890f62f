using System.Runtime.InteropServices;

namespace Palmyra.Gpu.Driver;

/// <summary>The GPUs of this machine, and why those that cannot be used cannot.</summary>
public sealed class GpuDevices
{
    // Numbers of CUdevice_attribute.
    private const int MultiprocessorCount = 16;
    private const int ComputeCapabilityMajor = 75;
    private const int ComputeCapabilityMinor = 76;
    private const int MaxSharedMemoryPerBlockOptin = 97;

    private const int NoDevice = 100;
    private const int OldestMajor = 8;

    private GpuDevices(IReadOnlyList<FoundGpu> found, string? problem)
    {
        Found = found;
        Problem = problem;
    }

    /// <summary>Every GPU that the driver reports, by its number.</summary>
    public IReadOnlyList<FoundGpu> Found { get; }

    /// <summary>Why the driver could not be asked, a sentence; null if it could.</summary>
    public string? Problem { get; }

    /// <summary>The first GPU that can be used; null if there is none.</summary>
    public GpuDevice? FirstUsable => Found.FirstOrDefault(gpu => gpu.Refusal is null)?.Device;

    /// <summary>Why no GPU can be used, in sentences; empty if one can.</summary>
    public string WhyNone => FirstUsable is not null ? string.Empty
        : Problem ?? (Found.Count == 0 ? "The NVIDIA driver reports no GPU." : string.Join(' ', Found.Select(gpu => gpu.Refusal)));

    /// <summary>The GPU of a number, or the first that can be used.</summary>
    /// <param name="index">As <see cref="FoundGpu.Index"/> has it; null for the first that can be used.</param>
    /// <param name="problem">Why it cannot be used, and which can or why none can, in sentences; null if it can.</param>
    public GpuDevice? Choose(int? index, out string? problem)
    {
        problem = null;
        if (FirstUsable is null)
        {
            // Where there are GPUs, one that is asked for by a number nobody has is not one of those the reasons are about.
            bool absent = index is not null && Found.Count > 0 && Found.All(one => one.Index != index);
            problem = absent ? $"There is no GPU {index}. {WhyNone}" : WhyNone;
            return null;
        }

        FoundGpu? gpu = index is null ? Found.First(one => one.Refusal is null) : Found.FirstOrDefault(one => one.Index == index);
        if (gpu is { Refusal: null })
        {
            return gpu.Device;
        }

        string usable = string.Join(" and ", Found.Where(one => one.Refusal is null).Select(one => $"GPU {one.Index} ({one.Name})"));
        problem = $"{gpu?.Refusal?.TrimEnd('.') ?? $"There is no GPU {index}"}; {usable} can be used.";
        return null;
    }

    /// <summary>Looks for GPUs; starts the driver library if there is one. Never throws.</summary>
    public static GpuDevices Find()
    {
        CudaLibrary? library = CudaLibrary.OfSystem(out string? problem);
        return library is null ? new GpuDevices([], problem) : Find(library);
    }

    internal static unsafe GpuDevices Find(CudaLibrary library)
    {
        int count = 0;
        int result = library.DeviceGetCount(&count);
        if (result != 0 && result != NoDevice)
        {
            return new GpuDevices([], $"The NVIDIA driver does not list its GPUs: {library.Describe(result)}.");
        }

        return new GpuDevices([.. Enumerable.Range(0, count).Select(index => Ask(library, index))], null);
    }

    private static unsafe FoundGpu Ask(CudaLibrary library, int index)
    {
        const int LongestName = 256;
        byte* name = stackalloc byte[LongestName];
        int device = 0;
        int major = 0;
        int minor = 0;
        int multiprocessors = 0;
        int shared = 0;
        nuint total = 0;
        int result = library.DeviceGet(&device, index);
        string product = string.Empty;
        if (result == 0 && (result = library.DeviceGetName(name, LongestName, device)) == 0)
        {
            product = Marshal.PtrToStringUTF8((nint)name) ?? string.Empty;
        }

        if (result != 0
            || (result = library.DeviceTotalMem(&total, device)) != 0
            || (result = library.DeviceGetAttribute(&major, ComputeCapabilityMajor, device)) != 0
            || (result = library.DeviceGetAttribute(&minor, ComputeCapabilityMinor, device)) != 0
            || (result = library.DeviceGetAttribute(&multiprocessors, MultiprocessorCount, device)) != 0
            || (result = library.DeviceGetAttribute(&shared, MaxSharedMemoryPerBlockOptin, device)) != 0)
        {
            return new FoundGpu(index, product, null, $"GPU {index} does not say what it is: {library.Describe(result)}.");
        }

        var facts = new GpuDevice(index, product, major, minor, (long)total, multiprocessors, shared, library.Version);
        return new FoundGpu(index, product, facts, major >= OldestMajor
            ? null
            : $"GPU {index} ({product}) has compute capability {major}.{minor}; at least {OldestMajor}.0 (Ampere, 2020) is needed, "
                + "since the kernels use tensor cores for bfloat16 and asynchronous copies.");
    }
}
