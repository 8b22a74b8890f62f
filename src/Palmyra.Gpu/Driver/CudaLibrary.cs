using System.Runtime.InteropServices;

namespace Palmyra.Gpu.Driver;

/// <summary>NVIDIA's driver library: the functions of libcuda that Palmyra calls, by their names less the "cu" and the version.</summary>
/// <remarks>
/// A table of addresses rather than imports: a function takes one line, a missing one is known before the first call, nothing is loaded in a
/// process that uses no GPU, and tests put functions of their own in its place. Every function returns a CUresult, 0 for done.
/// </remarks>
/// <param name="find">The address a name is exported at; 0 if it is not.</param>
internal sealed unsafe class CudaLibrary(Func<string, nint> find)
{
    /// <summary>The oldest CUDA version that will do: PTX 8.0, which kernels are written in, came with it; graphs with 11.4.</summary>
    public const int OldestVersion = 12000;

    private static readonly Lazy<(CudaLibrary? Library, string? Problem)> Machine = new(LoadSystem);

    public readonly delegate* unmanaged<uint, int> Init = (delegate* unmanaged<uint, int>)find("cuInit");
    public readonly delegate* unmanaged<int*, int> DriverGetVersion = (delegate* unmanaged<int*, int>)find("cuDriverGetVersion");
    public readonly delegate* unmanaged<int, byte**, int> GetErrorName = (delegate* unmanaged<int, byte**, int>)find("cuGetErrorName");
    public readonly delegate* unmanaged<int, byte**, int> GetErrorString = (delegate* unmanaged<int, byte**, int>)find("cuGetErrorString");

    public readonly delegate* unmanaged<int*, int> DeviceGetCount = (delegate* unmanaged<int*, int>)find("cuDeviceGetCount");
    public readonly delegate* unmanaged<int*, int, int> DeviceGet = (delegate* unmanaged<int*, int, int>)find("cuDeviceGet");
    public readonly delegate* unmanaged<byte*, int, int, int> DeviceGetName =
        (delegate* unmanaged<byte*, int, int, int>)find("cuDeviceGetName");
    public readonly delegate* unmanaged<nuint*, int, int> DeviceTotalMem =
        (delegate* unmanaged<nuint*, int, int>)find("cuDeviceTotalMem_v2");
    public readonly delegate* unmanaged<int*, int, int, int> DeviceGetAttribute =
        (delegate* unmanaged<int*, int, int, int>)find("cuDeviceGetAttribute");

    public readonly delegate* unmanaged<nint*, int, int> DevicePrimaryCtxRetain =
        (delegate* unmanaged<nint*, int, int>)find("cuDevicePrimaryCtxRetain");
    public readonly delegate* unmanaged<int, int> DevicePrimaryCtxRelease =
        (delegate* unmanaged<int, int>)find("cuDevicePrimaryCtxRelease_v2");
    public readonly delegate* unmanaged<nint*, int> CtxGetCurrent = (delegate* unmanaged<nint*, int>)find("cuCtxGetCurrent");
    public readonly delegate* unmanaged<nint, int> CtxSetCurrent = (delegate* unmanaged<nint, int>)find("cuCtxSetCurrent");

    public readonly delegate* unmanaged<nuint*, nuint*, int> MemGetInfo = (delegate* unmanaged<nuint*, nuint*, int>)find("cuMemGetInfo_v2");
    public readonly delegate* unmanaged<nint*, nuint, int> MemAlloc = (delegate* unmanaged<nint*, nuint, int>)find("cuMemAlloc_v2");
    public readonly delegate* unmanaged<nint, int> MemFree = (delegate* unmanaged<nint, int>)find("cuMemFree_v2");
    public readonly delegate* unmanaged<byte**, nuint, uint, int> MemHostAlloc =
        (delegate* unmanaged<byte**, nuint, uint, int>)find("cuMemHostAlloc");
    public readonly delegate* unmanaged<byte*, int> MemFreeHost = (delegate* unmanaged<byte*, int>)find("cuMemFreeHost");
    public readonly delegate* unmanaged<nint, byte, nuint, nint, int> MemsetD8Async =
        (delegate* unmanaged<nint, byte, nuint, nint, int>)find("cuMemsetD8Async");
    public readonly delegate* unmanaged<nint, byte*, nuint, nint, int> MemcpyHtoDAsync =
        (delegate* unmanaged<nint, byte*, nuint, nint, int>)find("cuMemcpyHtoDAsync_v2");
    public readonly delegate* unmanaged<byte*, nint, nuint, nint, int> MemcpyDtoHAsync =
        (delegate* unmanaged<byte*, nint, nuint, nint, int>)find("cuMemcpyDtoHAsync_v2");
    public readonly delegate* unmanaged<nint, nint, nuint, nint, int> MemcpyDtoDAsync =
        (delegate* unmanaged<nint, nint, nuint, nint, int>)find("cuMemcpyDtoDAsync_v2");

    public readonly delegate* unmanaged<nint*, byte*, uint, int*, void**, int> ModuleLoadDataEx =
        (delegate* unmanaged<nint*, byte*, uint, int*, void**, int>)find("cuModuleLoadDataEx");
    public readonly delegate* unmanaged<nint, int> ModuleUnload = (delegate* unmanaged<nint, int>)find("cuModuleUnload");
    public readonly delegate* unmanaged<nint*, nint, byte*, int> ModuleGetFunction =
        (delegate* unmanaged<nint*, nint, byte*, int>)find("cuModuleGetFunction");
    public readonly delegate* unmanaged<int*, int, nint, int> FuncGetAttribute =
        (delegate* unmanaged<int*, int, nint, int>)find("cuFuncGetAttribute");
    public readonly delegate* unmanaged<nint, int, int, int> FuncSetAttribute =
        (delegate* unmanaged<nint, int, int, int>)find("cuFuncSetAttribute");
    public readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> LaunchKernel =
        (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)find("cuLaunchKernel");

    public readonly delegate* unmanaged<nint*, uint, int> StreamCreate = (delegate* unmanaged<nint*, uint, int>)find("cuStreamCreate");
    public readonly delegate* unmanaged<nint, int> StreamDestroy = (delegate* unmanaged<nint, int>)find("cuStreamDestroy_v2");
    public readonly delegate* unmanaged<nint, int> StreamSynchronize = (delegate* unmanaged<nint, int>)find("cuStreamSynchronize");
    public readonly delegate* unmanaged<nint*, uint, int> EventCreate = (delegate* unmanaged<nint*, uint, int>)find("cuEventCreate");
    public readonly delegate* unmanaged<nint, int> EventDestroy = (delegate* unmanaged<nint, int>)find("cuEventDestroy_v2");
    public readonly delegate* unmanaged<nint, nint, int> EventRecord = (delegate* unmanaged<nint, nint, int>)find("cuEventRecord");
    public readonly delegate* unmanaged<nint, int> EventSynchronize = (delegate* unmanaged<nint, int>)find("cuEventSynchronize");
    public readonly delegate* unmanaged<float*, nint, nint, int> EventElapsedTime =
        (delegate* unmanaged<float*, nint, nint, int>)find("cuEventElapsedTime");

    public readonly delegate* unmanaged<nint, int, int> StreamBeginCapture =
        (delegate* unmanaged<nint, int, int>)find("cuStreamBeginCapture_v2");
    public readonly delegate* unmanaged<nint, nint*, int> StreamEndCapture =
        (delegate* unmanaged<nint, nint*, int>)find("cuStreamEndCapture");
    public readonly delegate* unmanaged<nint*, nint, ulong, int> GraphInstantiate =
        (delegate* unmanaged<nint*, nint, ulong, int>)find("cuGraphInstantiateWithFlags");
    public readonly delegate* unmanaged<nint, nint, int> GraphLaunch = (delegate* unmanaged<nint, nint, int>)find("cuGraphLaunch");
    public readonly delegate* unmanaged<nint, int> GraphDestroy = (delegate* unmanaged<nint, int>)find("cuGraphDestroy");
    public readonly delegate* unmanaged<nint, int> GraphExecDestroy = (delegate* unmanaged<nint, int>)find("cuGraphExecDestroy");

    /// <summary>The version of CUDA that the driver serves: 13000 is 13.0.</summary>
    public int Version { get; private set; }

    /// <summary>The machine's driver, initialised; null if there is none that will do.</summary>
    /// <param name="problem">Why there is none, a sentence.</param>
    public static CudaLibrary? OfSystem(out string? problem)
    {
        (CudaLibrary? library, problem) = Machine.Value;
        return library;
    }

    /// <summary>Fills the table and initialises the driver; null if it will not do.</summary>
    /// <param name="find">The address a name is exported at; 0 if it is not.</param>
    /// <param name="problem">Why it will not do, a sentence.</param>
    public static CudaLibrary? Open(Func<string, nint> find, out string? problem)
    {
        var missing = new List<string>();
        var library = new CudaLibrary(name =>
        {
            nint address = find(name);
            if (address == 0)
            {
                missing.Add(name);
            }

            return address;
        });
        problem = library.DriverGetVersion == null || library.Init == null
            ? "The library found as NVIDIA's driver is none: it has no cuInit or no cuDriverGetVersion."
            : library.Start(missing);
        return problem is null ? library : null;
    }

    /// <summary>Opens the first of several libraries that will do: a stub of the CUDA toolkit may stand before the driver.</summary>
    /// <param name="libraries">For each, the address a name is exported at.</param>
    /// <param name="problem">Why the first will not do, if none does; null if there is none at all.</param>
    internal static CudaLibrary? OpenFirst(IEnumerable<Func<string, nint>> libraries, out string? problem)
    {
        problem = null;
        foreach (Func<string, nint> find in libraries)
        {
            if (Open(find, out string? found) is CudaLibrary library)
            {
                problem = null;
                return library;
            }

            problem ??= found;
        }

        return null;
    }

    /// <summary>The driver's name and words for a result: "CUDA_ERROR_OUT_OF_MEMORY (out of memory)".</summary>
    public string Describe(int result)
    {
        byte* name = null;
        byte* words = null;
        if (GetErrorName(result, &name) != 0 || name == null)
        {
            return $"CUresult {result}";
        }

        return GetErrorString(result, &words) != 0 || words == null ? Text(name) : $"{Text(name)} ({Text(words)})";
    }

    private string? Start(List<string> missing)
    {
        int version = 0;
        int answer = DriverGetVersion(&version);
        if (answer != 0)
        {
            return $"The library found as NVIDIA's driver does not answer (CUresult {answer}): the CUDA toolkit's stub of that name is no driver.";
        }

        if (version < OldestVersion)
        {
            return $"The NVIDIA driver serves CUDA {version / 1000}.{version % 1000 / 10}; "
                + $"at least {OldestVersion / 1000}.{OldestVersion % 1000 / 10} is needed (driver 525 or newer): update the driver.";
        }

        if (missing.Count > 0)
        {
            return $"The NVIDIA driver lacks {string.Join(", ", missing)}: update the driver.";
        }

        Version = version;
        int result = Init(0);
        return result == 0 ? null : $"The NVIDIA driver does not start: {Describe(result)}.";
    }

    private static (CudaLibrary?, string?) LoadSystem()
    {
        string[] names = OperatingSystem.IsWindows() ? ["nvcuda.dll"]
            : OperatingSystem.IsLinux() ? LinuxNames
            : [];
        CudaLibrary? library = OpenFirst(names.Select(Exports).OfType<Func<string, nint>>(), out string? problem);
        return (library, library is not null ? null : problem ?? (names.Length == 0
            ? "NVIDIA has no driver for this operating system."
            : $"No NVIDIA driver was found ({names[0]} is not in the system's library folders)."));
    }

    private static Func<string, nint>? Exports(string name) => NativeLibrary.TryLoad(name, out nint handle)
        ? export => NativeLibrary.TryGetExport(handle, export, out nint address) ? address : 0
        : null;

    // The system's own search first; then where containers, WSL and distributions put the driver without telling the loader.
    private static readonly string[] LinuxNames =
    [
        "libcuda.so.1",
        "/usr/local/nvidia/lib64/libcuda.so.1",
        "/usr/lib/wsl/lib/libcuda.so.1",
        "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
        "/usr/lib/aarch64-linux-gnu/libcuda.so.1",
        "/usr/lib64/libcuda.so.1",
    ];

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? string.Empty;
}
