namespace Palmyra.Gpu.Driver;

/// <summary>How a kernel is started.</summary>
/// <param name="GridX">Blocks, first dimension.</param>
/// <param name="GridY">Blocks, second dimension.</param>
/// <param name="Threads">Threads of a block, all in the first dimension.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
public readonly record struct LaunchShape(int GridX, int GridY, int Threads, int SharedBytes = 0);
