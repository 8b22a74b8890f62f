using Palmyra.Gpu.Compilation;
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
    public static GpuBackend Create(PtxDriver? driver = null, GemmPrecision precision = GemmPrecision.Rounded, int logits = 8 << 20) =>
        new(driver ?? new PtxDriver(), Compiler) { Precision = precision, MostLogits = logits };
}
