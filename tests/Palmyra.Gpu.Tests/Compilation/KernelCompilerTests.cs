using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;

using Xunit;

namespace Palmyra.Gpu.Tests.Compilation;

/// <summary>C# methods become PTX, once; what cannot is refused by name and spoils nothing.</summary>
public sealed class KernelCompilerTests : IDisposable
{
    private readonly KernelCompiler _compiler = new();

    public void Dispose() => _compiler.Dispose();

    [Fact]
    public void A_kernel_is_compiled_once()
    {
        PtxKernel kernel = _compiler.Compile(Kernels.Saxpy, 256);
        Assert.Equal(("Saxpy", 256), (kernel.Name, kernel.Threads));
        Assert.Contains(".maxntid 256, 1, 1", kernel.Text, StringComparison.Ordinal);
        PtxText facts = PtxText.Read(kernel.Text);
        Assert.Equal((kernel.Entry, "sm_80", 0, 0, false), (facts.Entry, facts.Target, facts.LocalBytes, facts.SharedBytes, facts.UsesDynamicShared));
        Assert.Same(kernel, _compiler.Compile(Kernels.Saxpy, 256));
        Assert.Same(kernel, _compiler.Compile(typeof(Kernels).GetMethod(nameof(Kernels.Saxpy))!, 256));
        Assert.Equal(1, _compiler.Compiled);
        Assert.NotSame(kernel, _compiler.Compile(Kernels.Saxpy, 128));
        Assert.Equal(2, _compiler.Compiled);
    }

    [Fact]
    public void Type_arguments_make_kernels_of_their_own()
    {
        PtxKernel two = _compiler.Compile(Kernels.Scale<Kernels.Two>, 64);
        PtxKernel three = _compiler.Compile(Kernels.Scale<Kernels.Three>, 64);
        Assert.Equal(("Scale<Two>", "Scale<Three>"), (two.Name, three.Name));
        Assert.Contains("0f40000000", two.Text, StringComparison.Ordinal);
        Assert.Contains("0f40400000", three.Text, StringComparison.Ordinal);
        PtxText facts = PtxText.Read(two.Text);
        Assert.Equal((256, true), (facts.SharedBytes, facts.UsesDynamicShared));
    }

    [Fact]
    public void The_target_is_written_as_asked()
    {
        PtxKernel kernel = _compiler.Compile(Kernels.Saxpy, 64, "sm_90a");
        Assert.Equal("sm_90a", PtxText.Read(kernel.Text).Target);
        Assert.DoesNotContain("sm_80", kernel.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Arguments_are_packed_as_the_entry_declares_them()
    {
        PtxText facts = PtxText.Read(_compiler.Compile(Kernels.Mixed, 32).Text);
        Assert.Equal(
            [new PtxParameter(0, 4), new PtxParameter(8, 8), new PtxParameter(16, 4), new PtxParameter(24, 16), new PtxParameter(40, 4), new PtxParameter(48, 8)],
            facts.Parameters);
        KernelArguments arguments = default;
        arguments.Add(1).Add(2L).Add(3f);
        arguments.AddView(4, 5);
        arguments.Add(6).Add(7L);
        Assert.Equal(facts.ParameterBytes, arguments.Bytes.Length);
        Assert.Equal([4, 5], [arguments.Bytes[24], arguments.Bytes[32]]);
        Assert.Equal([6, 7], [arguments.Bytes[40], arguments.Bytes[48]]);
    }

    [Fact]
    public void Local_memory_and_named_registers_are_seen()
    {
        Assert.Equal(32, PtxText.Read(_compiler.Compile(Kernels.Local, 32).Text).LocalBytes);
        Assert.Equal(6, PtxText.Read(_compiler.Compile(Kernels.NamedRegisters, 32).Text).NamedRegisters);
        Assert.Equal(0, PtxText.Read(_compiler.Compile(Kernels.Saxpy, 32).Text).NamedRegisters);
    }

    [Fact]
    public void What_ILGPU_cannot_compile_is_refused_by_name_and_spoils_nothing()
    {
        PtxKernel before = _compiler.Compile(Kernels.Scale<Kernels.Two>, 64);
        for (int i = 0; i < 2; i++)
        {
            string message = Assert.Throws<BackendException>(() => _compiler.Compile(Kernels.UsesDotNetHalf, 32)).Message;
            Assert.StartsWith("Kernel UsesDotNetHalf cannot be compiled to PTX: Not supported intrinsic type 'BitCast'; ", message, StringComparison.Ordinal);
            Assert.Contains("in method UInt32 SingleToUInt32Bits(Single)", message, StringComparison.Ordinal);
            Assert.Contains("System.Object", Assert.Throws<BackendException>(() => _compiler.Compile(Kernels.TakesAnObject, 32)).Message, StringComparison.Ordinal);
        }

        using var fresh = new KernelCompiler();
        Assert.Equal(WithoutIds(fresh.Compile(Kernels.Local, 96).Text), WithoutIds(_compiler.Compile(Kernels.Local, 96).Text));
        Assert.Same(before, _compiler.Compile(Kernels.Scale<Kernels.Two>, 64));
    }

    // Parameters and labels are numbered through the whole process.
    private static string WithoutIds(string text) => Regex.Replace(text, "_[0-9]+", "");

    [Fact]
    public void Threads_may_ask_at_once()
    {
        var kernels = new PtxKernel[64];
        Parallel.For(0, kernels.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            kernels[i] = _compiler.Compile(Kernels.Saxpy, 32 * (1 + (i % 4)));
            if (i % 8 == 0)
            {
                Assert.Throws<BackendException>(() => _compiler.Compile(Kernels.TakesAnObject, 32));
            }
        });
        Assert.Equal(4, kernels.Distinct(ReferenceEqualityComparer.Instance).Count());
        Assert.All(kernels, (kernel, i) => Assert.Equal(32 * (1 + (i % 4)), kernel.Threads));
    }

    [Fact]
    public void What_is_no_kernel_is_refused()
    {
        Assert.Throws<ArgumentException>(() => _compiler.Compile(Kernels.Answers, 32));
        Assert.Throws<ArgumentException>(() => _compiler.Compile(typeof(Kernels).GetMethod(nameof(Kernels.Scale))!, 32));
        Assert.Throws<ArgumentException>(() => _compiler.Compile(() => { }, 32));
        Assert.Throws<ArgumentOutOfRangeException>(() => _compiler.Compile(Kernels.Saxpy, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _compiler.Compile(Kernels.Saxpy, 1025));
        Assert.Throws<ArgumentException>(() => _compiler.Compile(Kernels.Saxpy, 32, "sm_80\n.evil"));
        Assert.Equal(0, _compiler.Compiled);
    }

    [Fact]
    public void Only_this_folder_and_the_kernels_know_ILGPU()
    {
        // A process that uses no GPU must not pay for loading the compiler: nothing of the driver's side may mention its types.
        IEnumerable<Type> driver = typeof(CudaDriver).Assembly.GetTypes()
            .Where(type => type.Namespace == "Palmyra.Gpu.Driver" && !type.IsDefined(typeof(CompilerGeneratedAttribute), false));
        const System.Reflection.BindingFlags All = System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.NonPublic
            | System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.DeclaredOnly;
        Assert.DoesNotContain(
            driver.SelectMany(type => type.GetFields(All).Select(field => field.FieldType))
                .Concat(driver.SelectMany(type => type.GetMethods(All).SelectMany(method => method.GetParameters().Select(parameter => parameter.ParameterType)))),
            type => type.Assembly.GetName().Name!.StartsWith("ILGPU", StringComparison.Ordinal));
    }
}
