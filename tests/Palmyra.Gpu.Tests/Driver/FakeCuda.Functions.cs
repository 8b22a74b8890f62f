using System.Runtime.InteropServices;

namespace Palmyra.Gpu.Tests.Driver;

/// <content>The functions, found by the names that libcuda exports.</content>
internal sealed unsafe partial class FakeCuda
{
    [UnmanagedCallersOnly]
    private static int cuInit(uint flags) => Do($"Init {flags}", needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuDriverGetVersion(int* version) => Do("DriverGetVersion", fake => *version = fake.Version, needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuGetErrorName(int result, byte** name)
    {
        *name = (byte*)t_current!.TextOf(result == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : $"CUDA_ERROR_{result}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int cuGetErrorString(int result, byte** words)
    {
        *words = (byte*)t_current!.TextOf($"words of {result}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int cuDeviceGetCount(int* count) => Do("DeviceGetCount", fake => *count = fake.Devices.Length, needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuDeviceGet(int* device, int index) => Do($"DeviceGet {index}", _ => *device = 100 + index, needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuDeviceGetName(byte* name, int length, int device) =>
        Do($"DeviceGetName {device}", fake => Put(name, fake.Devices[device - 100].Name, length), needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuDeviceTotalMem_v2(nuint* bytes, int device) =>
        Do($"DeviceTotalMem {device}", _ => *bytes = unchecked((nuint)80_000_000_000), needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuDeviceGetAttribute(int* value, int attribute, int device) => Do(
        $"DeviceGetAttribute {attribute}",
        fake => *value = attribute switch
        {
            16 => 132,
            75 => fake.Devices[device - 100].Major,
            76 => fake.Devices[device - 100].Minor,
            97 => 232_448,
            _ => -1,
        },
        needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuDevicePrimaryCtxRetain(nint* context, int device) =>
        Do($"DevicePrimaryCtxRetain {device}", fake => *context = fake.Create("context"), needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuDevicePrimaryCtxRelease_v2(int device) => Do(
        $"DevicePrimaryCtxRelease {device}",
        fake => fake.Destroy(fake.Alive.First(pair => pair.Value == "context").Key, "context"),
        needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuCtxGetCurrent(nint* context) => Do("CtxGetCurrent", fake => *context = fake.Context, needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuCtxSetCurrent(nint context) => Do("CtxSetCurrent", fake => fake.Context = context, needsContext: false);

    [UnmanagedCallersOnly]
    private static int cuMemGetInfo_v2(nuint* free, nuint* total) => Do("MemGetInfo", _ => (*free, *total) = (70, 80));

    [UnmanagedCallersOnly]
    private static int cuMemAlloc_v2(nint* address, nuint bytes) => Do($"MemAlloc {bytes}", fake =>
    {
        *address = (nint)NativeMemory.AlignedAlloc(bytes, 256);
        fake.Alive.Add(*address, "memory");
    });

    [UnmanagedCallersOnly]
    private static int cuMemFree_v2(nint address) => Do("MemFree", fake =>
    {
        if (fake._stream.Count > 0)
        {
            fake.Faults.Add("memory was freed while work was in flight");
        }

        fake.Destroy(address, "memory");
        NativeMemory.AlignedFree((void*)address);
    });

    [UnmanagedCallersOnly]
    private static int cuMemHostAlloc(byte** memory, nuint bytes, uint flags) => Do($"MemHostAlloc {bytes} {flags}", fake =>
    {
        *memory = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
        fake.Alive.Add((nint)(*memory), "pinned");
    });

    [UnmanagedCallersOnly]
    private static int cuMemFreeHost(byte* memory) => Do("MemFreeHost", fake =>
    {
        fake.Destroy((nint)memory, "pinned");
        NativeMemory.AlignedFree(memory);
    });

    [UnmanagedCallersOnly]
    private static int cuMemsetD8Async(nint address, byte value, nuint bytes, nint stream) =>
        Do($"MemsetD8Async {value} {bytes}", fake => fake.Enqueue(() => NativeMemory.Fill((void*)address, bytes, value)));

    [UnmanagedCallersOnly]
    private static int cuMemcpyHtoDAsync_v2(nint to, byte* from, nuint bytes, nint stream) =>
        Do($"MemcpyHtoDAsync {bytes}", fake => fake.Enqueue(() => NativeMemory.Copy(from, (void*)to, bytes)));

    [UnmanagedCallersOnly]
    private static int cuMemcpyDtoHAsync_v2(byte* to, nint from, nuint bytes, nint stream) =>
        Do($"MemcpyDtoHAsync {bytes}", fake => fake.Enqueue(() => NativeMemory.Copy((void*)from, to, bytes)));

    [UnmanagedCallersOnly]
    private static int cuMemcpyDtoDAsync_v2(nint to, nint from, nuint bytes, nint stream) =>
        Do($"MemcpyDtoDAsync {bytes}", fake => fake.Enqueue(() => NativeMemory.Copy((void*)from, (void*)to, bytes)));

    [UnmanagedCallersOnly]
    private static int cuModuleLoadDataEx(nint* module, byte* text, uint count, int* options, void** values)
    {
        int result = Do($"ModuleLoadDataEx {count} {options[0]} {options[1]} {options[2]} {options[3]}", fake =>
        {
            fake.Modules.Add(Marshal.PtrToStringUTF8((nint)text)!);
            *module = fake.Create("module");
        });
        if (result != 0)
        {
            Put((byte*)values[2], t_current!.JitErrors, (int)values[3]);
        }

        return result;
    }

    [UnmanagedCallersOnly]
    private static int cuModuleUnload(nint module) => Do("ModuleUnload", fake => fake.Destroy(module, "module"));

    [UnmanagedCallersOnly]
    private static int cuModuleGetFunction(nint* function, nint module, byte* name) =>
        Do($"ModuleGetFunction {Marshal.PtrToStringUTF8((nint)name)}", _ => *function = 1000 + module);

    [UnmanagedCallersOnly]
    private static int cuFuncGetAttribute(int* value, int attribute, nint function) =>
        Do($"FuncGetAttribute {attribute}", fake => *value = attribute switch
        {
            1 => fake.StaticSharedBytes,
            3 => 8,
            4 => 64,
            _ => -1,
        });

    [UnmanagedCallersOnly]
    private static int cuFuncSetAttribute(nint function, int attribute, int value) => Do($"FuncSetAttribute {attribute} {value}");

    [UnmanagedCallersOnly]
    private static int cuLaunchKernel(
        nint function, uint gx, uint gy, uint gz, uint bx, uint by, uint bz, uint shared, nint stream, void** parameters, void** extra)
    {
        bool packed = parameters == null && (nint)extra[0] == 1 && (nint)extra[2] == 2 && extra[4] == null;
        byte[] bytes = packed ? new Span<byte>(extra[1], (int)*(nuint*)extra[3]).ToArray() : [];
        return Do(
            $"LaunchKernel {gx},{gy},{gz} {bx},{by},{bz} {shared} {(packed ? $"{bytes.Length} bytes" : "not packed")}",
            fake => fake.Enqueue(() => fake.Launches.Add(bytes)));
    }

    [UnmanagedCallersOnly]
    private static int cuStreamCreate(nint* stream, uint flags) => Do($"StreamCreate {flags}", fake => *stream = fake.Create("stream"));

    [UnmanagedCallersOnly]
    private static int cuStreamDestroy_v2(nint stream) => Do("StreamDestroy", fake => fake.Destroy(stream, "stream"));

    [UnmanagedCallersOnly]
    private static int cuStreamSynchronize(nint stream) => Do("StreamSynchronize", fake => fake.Drain());

    [UnmanagedCallersOnly]
    private static int cuEventCreate(nint* marker, uint flags) => Do($"EventCreate {flags}", fake => *marker = fake.Create("event"));

    [UnmanagedCallersOnly]
    private static int cuEventDestroy_v2(nint marker) => Do("EventDestroy", fake => fake.Destroy(marker, "event"));

    [UnmanagedCallersOnly]
    private static int cuEventRecord(nint marker, nint stream) => Do("EventRecord", fake => fake.Enqueue(() => { }, marker));

    [UnmanagedCallersOnly]
    private static int cuEventSynchronize(nint marker) => Do("EventSynchronize", fake =>
    {
        if (fake._stream.Exists(entry => entry.Event == marker))
        {
            fake.Drain(marker);
        }
    });

    [UnmanagedCallersOnly]
    private static int cuEventElapsedTime(float* milliseconds, nint start, nint end) => Do("EventElapsedTime", _ => *milliseconds = 1.5f);

    [UnmanagedCallersOnly]
    private static int cuStreamBeginCapture_v2(nint stream, int mode) => Do($"StreamBeginCapture {mode}", fake => fake._capture = []);

    [UnmanagedCallersOnly]
    private static int cuStreamEndCapture(nint stream, nint* graph)
    {
        List<Action>? recorded = t_current!._capture;
        t_current._capture = null;
        return Do("StreamEndCapture", fake => fake._graphs.Add(*graph = fake.Create("graph"), recorded!));
    }

    [UnmanagedCallersOnly]
    private static int cuGraphInstantiateWithFlags(nint* ready, nint graph, ulong flags) =>
        Do($"GraphInstantiate {flags}", fake => fake._graphs.Add(*ready = fake.Create("ready graph"), fake._graphs[graph]));

    [UnmanagedCallersOnly]
    private static int cuGraphLaunch(nint ready, nint stream) => Do("GraphLaunch", fake => fake._graphs[ready].ForEach(work => fake.Enqueue(work)));

    [UnmanagedCallersOnly]
    private static int cuGraphDestroy(nint graph) => Do("GraphDestroy", fake => fake.Destroy(graph, "graph"));

    [UnmanagedCallersOnly]
    private static int cuGraphExecDestroy(nint ready) => Do("GraphExecDestroy", fake => fake.Destroy(ready, "ready graph"));
}
