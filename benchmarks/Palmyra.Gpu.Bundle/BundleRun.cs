using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Parts;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Bundle;

/// <summary>The runner: every part that was asked for, one table, one exit code.</summary>
internal static class BundleRun
{
    /// <summary>Runs.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="cases">The operation cases.</param>
    /// <param name="output">Takes the table.</param>
    /// <param name="error">Takes refusals.</param>
    /// <returns>0 if all agrees, 1 if anything does not, 2 for a command line that cannot be followed.</returns>
    public static int Run(IReadOnlyList<string> args, IReadOnlyList<OpCase> cases, TextWriter output, TextWriter error)
    {
        BundleOptions options = BundleOptions.Parse(args, out string? problem);
        if (problem is not null)
        {
            error.WriteLine(problem);
            return 2;
        }

        if (options.Help)
        {
            output.WriteLine(BundleOptions.Usage);
            return 0;
        }

        GpuDevice? device = null;
        if (!options.Interpreter)
        {
            GpuDevices found = GpuDevices.Find();
            device = found.FirstUsable;
            if (device is null)
            {
                error.WriteLine(found.WhyNone);
                return 1;
            }
        }

        // Without the user's cache of PTX: kernels that an earlier build left there are not what is to be tried.
        using var compiler = new KernelCompiler();
        var bench = new Bench(() => device is null ? new PtxDriver() : new CudaDriver(device), compiler, options);
        var table = new ResultTable(output, options.Json);
        if (options.Interpreter)
        {
            output.WriteLine("This is an interpreter of PTX, not a GPU: it shows whether kernels compute what they should. No time below means anything.");
        }

        output.WriteLine();
        table.Add(DeviceRow.Measure(bench));
        if (options.Cases)
        {
            table.Add(CaseRows.Measure(bench, options.Interpreter ? cases : [.. cases, .. LargeCases.All]));
        }

        if (options.Fixtures)
        {
            table.Add(FixtureRows.Measure(bench));
        }

        if (options.Speed)
        {
            table.Add(SpeedRows.Measure(bench));
        }

        if (options.Kernels)
        {
            table.Add(KernelRows.Measure(bench));
        }

        return table.Close() ? 0 : 1;
    }
}
