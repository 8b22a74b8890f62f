using System.Reflection;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Tests.Ptx;

/// <summary>Compiles the specimens with ILGPU.</summary>
internal static class TestCompiler
{
    // A context costs a third of a second, so all share one; ILGPU compiles one thing at a time in a process.
    private static readonly Lazy<Context> Shared = new(() => Context.Create(builder => builder.EnableAlgorithms().Optimize(OptimizationLevel.O2)));
    private static readonly Dictionary<(Type, string, int), PtxKernel> Compiled = [];

    /// <summary>The PTX of a static method, its branches as <see cref="KernelCompiler"/> leaves them.</summary>
    public static PtxKernel Compile(Type type, string method, int threads)
    {
        PtxKernel kernel = CompileAsIs(type, method, threads);
        return kernel with { Text = PtxText.WithPlainBranches(kernel.Text) };
    }

    /// <summary>The PTX of a static method as ILGPU writes it.</summary>
    public static PtxKernel CompileAsIs(Type type, string method, int threads)
    {
        lock (KernelCompiler.Compiling)
        {
            if (!Compiled.TryGetValue((type, method, threads), out PtxKernel? kernel))
            {
                using var backend = new PTXBackend(
                    Shared.Value, new CudaCapabilityContext(CudaArchitecture.SM_90), CudaArchitecture.SM_90, CudaInstructionSet.ISA_80, null!);
                MethodInfo source = type.GetMethod(method, BindingFlags.Static | BindingFlags.Public) ?? throw new ArgumentException(method);
                var compiled = (PTXCompiledKernel)backend.Compile(
                    EntryPointDescription.FromExplicitlyGroupedKernel(source), new KernelSpecialization(threads, 1));
                kernel = new PtxKernel(method, compiled.Name, compiled.PTXAssembly, threads);
                Compiled.Add((type, method, threads), kernel);
            }

            return kernel;
        }
    }
}
