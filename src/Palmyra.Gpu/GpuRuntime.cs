using System.Reflection;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>What the backend's operations stand on: a driver, its memory, and kernels that are compiled and loaded when first started.</summary>
internal sealed class GpuRuntime(IGpuDriver driver, KernelCompiler compiler) : IDisposable
{
    // By method and not by delegate: delegates of one type have one hash code, and most kernels share a few types.
    private readonly Dictionary<(MethodInfo Kernel, int Threads), GpuFunction> _functions = [];

    /// <summary>The device's driver.</summary>
    public IGpuDriver Driver { get; } = driver;

    /// <summary>The device's memory.</summary>
    public DeviceMemory Memory { get; } = new(driver);

    /// <summary>Starts a kernel; compiles and loads it if this is the first time with so many threads.</summary>
    public void Launch(Delegate kernel, in LaunchShape shape, in KernelArguments arguments)
    {
        if (!_functions.TryGetValue((kernel.Method, shape.Threads), out GpuFunction? function))
        {
            function = Driver.Load(compiler.Compile(kernel, shape.Threads));
            _functions.Add((kernel.Method, shape.Threads), function);
        }

        Driver.Launch(function, shape, arguments.Bytes);
    }

    /// <summary>Gives all memory and the device back.</summary>
    public void Dispose()
    {
        Memory.Dispose();
        Driver.Dispose();
    }
}
