using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx;

/// <summary>A kernel that <see cref="PtxDriver"/> has translated.</summary>
internal sealed class PtxFunction(PtxKernel kernel, Program program) : GpuFunction(kernel)
{
    public Program Program { get; } = program;

    // How many registers a thread takes only NVIDIA's assembler knows.
    public override int Registers => 0;

    public override int LocalBytes => Program.LocalBytes;
}
