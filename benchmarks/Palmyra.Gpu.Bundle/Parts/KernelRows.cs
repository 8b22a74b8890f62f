using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>What every kernel takes that was started so far.</summary>
/// <remarks>
/// The time is the driver's assembler's. The driver keeps what it made in a cache of its own, so that a second run shows that cache's time:
/// the environment's CUDA_CACHE_DISABLE=1 leaves it out.
/// </remarks>
internal static class KernelRows
{
    /// <summary>A row a kernel and number of threads.</summary>
    public static IEnumerable<ResultRow> Measure(Bench bench)
    {
        foreach (LoadedKernel kernel in bench.Log.Kernels
            .OrderBy(kernel => kernel.Function.Kernel.Name, StringComparer.Ordinal).ThenBy(kernel => kernel.Function.Kernel.Threads))
        {
            GpuFunction function = kernel.Function;
            List<(string, double)> facts =
            [
                ("threads", function.Kernel.Threads),
                ("local bytes", function.LocalBytes),
                ("static shared bytes", PtxText.Read(function.Kernel.Text).SharedBytes),
                ("dynamic shared bytes", kernel.DynamicSharedBytes),
                ("launches", kernel.Launches),
            ];

            // 0 is what a driver says that does not know.
            if (function.Registers > 0)
            {
                facts.Insert(1, ("registers", function.Registers));
            }

            yield return new ResultRow("kernel", function.Kernel.Name) { Values = [kernel.Milliseconds], Unit = "ms to load", Facts = facts };
        }
    }
}
