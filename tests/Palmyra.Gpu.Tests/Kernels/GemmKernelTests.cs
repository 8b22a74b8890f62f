using Palmyra.Backends;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing.Ptx.Checking;
using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Gpu.Tests.Kernels;

/// <summary>What the GEMM kernels' PTX says about itself.</summary>
public sealed class GemmKernelTests : IDisposable
{
    private readonly KernelCompiler _compiler = new();

    public void Dispose() => _compiler.Dispose();

    [Theory]
    [InlineData(MatrixFormat.BF16)]
    [InlineData(MatrixFormat.F16)]
    [InlineData(MatrixFormat.Q8)]
    [InlineData(MatrixFormat.Q4)]
    public void Products_keep_their_numbers_in_registers(MatrixFormat format)
    {
        // Of a multiprocessor's 164 KB (compute capability 8.0), 1 KB a block being the system's: two blocks of large tiles, four of small ones, six of
        // flat ones.
        Check<LargeTile>(81);
        Check<SmallTile>(40);
        Check<FlatTile>(26);

        void Check<TTile>(int mostKilobytes)
            where TTile : struct, IGemmTile
        {
            (Delegate Kernel, int SharedBytes) product = Gemm.Kernel<TTile>(format);
            PtxKernel kernel = _compiler.Compile(product.Kernel, 2 * TTile.Outputs);
            PtxChecker.Check(kernel.Name, PtxModule.Of(kernel.Name, kernel.Text));
            PtxText text = PtxText.Read(kernel.Text);
            Assert.Contains(".extern .shared .align 16 ", kernel.Text, StringComparison.Ordinal);
            Assert.Equal((0, 0, true), (text.LocalBytes, text.SharedBytes, text.UsesDynamicShared));
            
            // Those that live while a step multiplies are some 15 fewer: copying and widening have their own.
            Assert.InRange(text.NamedRegisters, 1, 128);
            Assert.InRange(product.SharedBytes, 1, mostKilobytes << 10);
        }
    }

    [Fact]
    public void Rounding_and_sums_need_no_local_memory()
    {
        foreach (PtxKernel kernel in (ReadOnlySpan<PtxKernel>)
            [
                _compiler.Compile(GemmRows.Round<BrainNumber>, GemmRows.Threads),
                _compiler.Compile(GemmRows.Round<HalfNumber>, GemmRows.Threads),
                _compiler.Compile(GemmSums.Add, GemmSums.Threads),
            ])
        {
            PtxChecker.Check(kernel.Name, PtxModule.Of(kernel.Name, kernel.Text));
            Assert.Equal(0, PtxText.Read(kernel.Text).LocalBytes);
        }
    }
}
