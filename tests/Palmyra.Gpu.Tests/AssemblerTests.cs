using System.Diagnostics;
using System.Text.RegularExpressions;
using Palmyra.Backends;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Xunit.Abstractions;

namespace Palmyra.Gpu.Tests;

/// <summary>NVIDIA's own assembler on every kernel, where the CUDA toolkit is installed: it takes all, and none spills. It needs no GPU.</summary>
public sealed partial class AssemblerTests(ITestOutputHelper output)
{
    [SkippableTheory]
    [InlineData("sm_80")]
    [InlineData("sm_90")]
    public void Every_kernel_is_assembled(string architecture)
    {
        string? assembler = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator)
            .SelectMany(folder => (string[])[Path.Combine(folder, "ptxas"), Path.Combine(folder, "ptxas.exe")]).FirstOrDefault(File.Exists);
        Skip.If(assembler is null, "ptxas, which comes with the CUDA toolkit, is not on the path.");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("palmyra-ptxas-");
        try
        {
            using var compiler = new KernelCompiler();
            string[] refused = [.. Kernels(compiler).Select(kernel => Refusal(assembler, architecture, folder.FullName, kernel)).OfType<string>()];
            Assert.True(refused.Length == 0, string.Join('\n', refused));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static IEnumerable<PtxKernel> Kernels(KernelCompiler compiler) =>
    [
        .. KernelTests.Kernels().Select(kernel => compiler.Compile(kernel, KernelTests.ThreadsOf(kernel))),
        .. from format in (MatrixFormat[])[MatrixFormat.BF16, MatrixFormat.F16, MatrixFormat.Q8, MatrixFormat.Q4]
           from kernel in (PtxKernel[])
           [
               compiler.Compile(Gemm.Kernel<LargeTile>(format).Kernel, 2 * LargeTile.Outputs),
               compiler.Compile(Gemm.Kernel<SmallTile>(format).Kernel, 2 * SmallTile.Outputs),
               compiler.Compile(Gemm.Kernel<FlatTile>(format).Kernel, 2 * FlatTile.Outputs),
           ]
           select kernel,
        compiler.Compile(GemmRows.Round<BrainNumber>, GemmRows.Threads),
        compiler.Compile(GemmRows.Round<HalfNumber>, GemmRows.Threads),
        compiler.Compile(GemmSums.Add, GemmSums.Threads),
    ];

    [GeneratedRegex("[1-9][0-9]* bytes spill")]
    private static partial Regex Spill();

    // What the assembler says against a kernel; null if it takes it. Registers, spills and its warnings go to the test's output.
    private string? Refusal(string assembler, string architecture, string folder, PtxKernel kernel)
    {
        string file = Path.Combine(folder, "kernel.ptx");
        File.WriteAllText(file, kernel.Text);
        var start = new ProcessStartInfo(assembler, [$"-arch={architecture}", "-v", "-o", Path.Combine(folder, "kernel.cubin"), file])
        {
            RedirectStandardError = true, RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> remarks = process.StandardError.ReadToEndAsync();
        string said = process.StandardOutput.ReadToEnd() + remarks.GetAwaiter().GetResult();
        process.WaitForExit();
        output.WriteLine($"{kernel.Name}: {said.Trim()}");
        return process.ExitCode == 0 && !Spill().IsMatch(said) ? null : $"{kernel.Name}: {said.Trim()}";
    }
}
