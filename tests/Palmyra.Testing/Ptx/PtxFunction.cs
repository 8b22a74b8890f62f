using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx;

/// <summary>A kernel that <see cref="PtxDriver"/> has translated.</summary>
/// <param name="kernel">What it was loaded from.</param>
/// <param name="program">What runs.</param>
/// <param name="registers">Registers of a thread that it claims to take: how many it would take only NVIDIA's assembler knows.</param>
internal sealed class PtxFunction(PtxKernel kernel, Program program, int registers) : GpuFunction(kernel)
{
    public Program Program { get; } = program;

    public override int Registers => registers;

    public override int LocalBytes => Program.LocalBytes;
}
