using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests;

/// <summary>GPU backends without a GPU, whose kernels are compiled once for all tests and kept in no user's folder.</summary>
internal static class InterpretedGpu
{
    private static readonly KernelCompiler Compiler = new();

    /// <summary>A backend over an interpreter of PTX.</summary>
    /// <param name="driver">The interpreter; null for a new one.</param>
    /// <param name="precision">How products on tensor cores are made.</param>
    /// <param name="logits">Logits that scoring holds at a time.</param>
    /// <param name="graphs">Whether steps that come again are recorded.</param>
    /// <param name="fused">Whether launches of a step become one where they can.</param>
    public static GpuBackend Create(
        IGpuDriver? driver = null, GemmPrecision precision = GemmPrecision.Rounded, int logits = 8 << 20, bool graphs = true,
        bool fused = true) =>
        new(driver ?? new PtxDriver(), Compiler, new GpuOptions { Graphs = graphs, FusedSteps = fused }) { Precision = precision, MostLogits = logits };
}
