using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Kernels;

/// <summary>Starts a kernel, which is compiled and loaded if it is not yet.</summary>
internal delegate void KernelLauncher(Delegate kernel, in LaunchShape shape, in KernelArguments arguments);
