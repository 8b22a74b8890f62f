using System.Reflection;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>What the backend's operations stand on: a driver, its memory, and kernels that are compiled and loaded when first started.</summary>
internal sealed class GpuRuntime : IDisposable
{
    private readonly KernelCompiler _compiler;

    // By method and not by delegate: delegates of one type have one hash code, and most kernels share a few types.
    private readonly Dictionary<(MethodInfo Kernel, int Threads), GpuFunction> _functions = [];

    /// <summary>Takes a driver, which is disposed with this object.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="compiler">Where kernels come from.</param>
    /// <param name="graphs">Whether steps that come again are recorded.</param>
    public GpuRuntime(IGpuDriver driver, KernelCompiler compiler, bool graphs)
    {
        _compiler = compiler;
        Driver = new StepDriver(driver, graphs);
        Memory = new DeviceMemory(Driver);
    }

    /// <summary>The device's driver.</summary>
    public StepDriver Driver { get; }

    /// <summary>The device's memory.</summary>
    public DeviceMemory Memory { get; }

    /// <summary>Starts a kernel; compiles and loads it if this is the first time with so many threads.</summary>
    public void Launch(Delegate kernel, in LaunchShape shape, in KernelArguments arguments) =>
        Driver.Launch(Function(kernel, shape.Threads), shape, arguments.Bytes);

    /// <summary>Starts a kernel that was made ready before.</summary>
    public void Launch(in KernelLaunch launch) => Launch(launch.Kernel, launch.Shape, launch.Arguments);

    /// <summary>A kernel for so many threads; compiles and loads it the first time.</summary>
    public GpuFunction Function(Delegate kernel, int threads)
    {
        if (!_functions.TryGetValue((kernel.Method, threads), out GpuFunction? function))
        {
            function = Driver.Load(_compiler.Compile(kernel, threads));
            _functions.Add((kernel.Method, threads), function);
        }

        return function;
    }

    /// <summary>Gives all memory and the device back.</summary>
    public void Dispose()
    {
        Driver.Abandon();
        try
        {
            Memory.Dispose();
        }
        finally
        {
            // Whatever freeing met, the device is given back.
            Driver.Dispose();
        }
    }
}
