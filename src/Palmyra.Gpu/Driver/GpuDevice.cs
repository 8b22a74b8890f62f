namespace Palmyra.Gpu.Driver;

/// <summary>What a GPU is.</summary>
/// <param name="Index">The driver's number for it.</param>
/// <param name="Name">Its product name.</param>
/// <param name="Major">Compute capability, before the dot.</param>
/// <param name="Minor">Compute capability, after the dot.</param>
/// <param name="TotalBytes">Its memory.</param>
/// <param name="Multiprocessors">How many blocks run at once, at least.</param>
/// <param name="SharedBytesPerBlock">Shared memory a block may ask for.</param>
/// <param name="DriverVersion">1000 · major + 10 · minor of the CUDA version the driver serves: 13000 is 13.0.</param>
public sealed record GpuDevice(
    int Index, string Name, int Major, int Minor, long TotalBytes, int Multiprocessors, int SharedBytesPerBlock, int DriverVersion);
