using System.Runtime.InteropServices;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Kernels;

/// <summary>Products with F32 weights, interpreted: one chain per output, and no more traffic than it takes.</summary>
public sealed class TiledLinearTests : IDisposable
{
    private const float Mark = 12345;

    private readonly KernelCompiler _compiler = new();
    private readonly PtxDriver _driver = new();

    public static TheoryData<int, int, int> Shapes =>
        new()
        {
            { 1, 1, 1 }, { 33, 31, 8 }, { 32, 32, 32 }, { 17, 70, 33 }, { 130, 129, 70 }, { 128, 128, 96 }, { 200, 40, 300 },
        };

    public void Dispose()
    {
        _driver.Dispose();
        _compiler.Dispose();
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_output_is_one_chain_over_the_inputs(int rows, int outputs, int inputs)
    {
        float[] x = Numbers.Spread(1, rows * inputs);
        float[] w = Numbers.Spread(2, outputs * inputs);
        float[] bias = Numbers.Spread(3, outputs);
        int stride = GpuTensor.StrideOf(outputs);
        var expected = new float[rows * stride];
        Array.Fill(expected, Mark);
        for (int row = 0; row < rows; row++)
        {
            for (int output = 0; output < outputs; output++)
            {
                float sum = 0;
                for (int i = 0; i < inputs; i++)
                {
                    // NVIDIA's assembler may fuse the two; the interpreter does them one after the other.
                    sum = (w[(output * inputs) + i] * x[(row * inputs) + i]) + sum;
                }

                expected[(row * stride) + output] = sum + bias[output];
            }
        }

        Assert.Equal(expected, Run<SmallFloatTile>(rows, outputs, inputs, x, w, bias));
        Assert.Equal(expected, Run<LargeFloatTile>(rows, outputs, inputs, x, w, bias));
        Assert.All(_driver.Statistics.Values, statistics => Assert.Equal(0, statistics.BankConflicts));
    }

    [Fact]
    public void Tiles_read_and_write_no_sector_more_than_they_must()
    {
        const int Rows = 256;
        const int Outputs = 128;
        const int Inputs = 64;
        float[] x = Numbers.Spread(1, Rows * Inputs);
        float[] w = Numbers.Spread(2, Outputs * Inputs);
        Run<SmallFloatTile>(Rows, Outputs, Inputs, x, w, []);
        AssertLeast(SmallFloatTile.Side);
        Run<LargeFloatTile>(Rows, Outputs, Inputs, x, w, []);
        AssertLeast(LargeFloatTile.Side);

        // Each tile reads its rows of x and of w once, in whole sectors of 32 bytes; y is written once.
        void AssertLeast(int side)
        {
            PtxStatistics found = _driver.Statistics.Values.Single(
                one => one.Kernel.Contains(side == LargeFloatTile.Side ? nameof(LargeFloatTile) : nameof(SmallFloatTile), StringComparison.Ordinal));
            long tiles = Rows / side * (Outputs / side);
            Assert.Equal(tiles * 2 * side * Inputs * sizeof(float) / 32, found.SectorsRead);
            Assert.Equal(Rows * Outputs * sizeof(float) / 32, found.SectorsWritten);
            Assert.Equal((1.0, 1.0), (found.ReadEfficiency, found.WriteEfficiency));
            Assert.Equal(0, found.BankConflicts);
        }
    }

    [Theory]
    [InlineData(64, 4096, false)]
    [InlineData(512, 768, false)]
    [InlineData(512, 2304, true)]
    [InlineData(64, 50257, true)]
    [InlineData(17, 16384, false)]
    [InlineData(32, 50257, false)]
    [InlineData(128, 4096, false)]
    [InlineData(128, 16384, true)]
    public void Large_tiles_are_for_what_they_are_through_with_first(int rows, int outputs, bool large) =>
        Assert.Equal(large, TiledLinear.IsLarge(rows, outputs, 132));

    [Fact]
    public void A_missing_wait_or_barrier_is_refused()
    {
        foreach ((string right, string reason) in new[]
            { ("cp.async.wait_group 1;", "has waited for the cp.async that writes it"), ("bar.sync\t0;", "without a barrier") })
        {
            float[] numbers = Numbers.Spread(1, 32 * 256);
            PtxFailure failure = Assert.Throws<PtxFailure>(() => Run<SmallFloatTile>(
                32, 32, 256, numbers, numbers, [], text => text.Replace(right, "", StringComparison.Ordinal)));
            Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Sums_stay_in_registers()
    {
        AssertRegisters<SmallFloatTile>();
        AssertRegisters<LargeFloatTile>();

        void AssertRegisters<TTile>()
            where TTile : struct, IFloatTile<TTile>
        {
            PtxText text = PtxText.Read(_compiler.Compile(TiledLinear.LinearTiles<TTile>, TTile.Threads * TTile.Threads).Text);
            Assert.Equal((0, 0, true), (text.LocalBytes, text.SharedBytes, text.UsesDynamicShared));

            // What the kernel's copying relies on.
            Assert.Equal((2 * TTile.Side, 0, 32), (TTile.Threads * TTile.Threads, TTile.Threads % 8, TiledLinear.Step));

            // Of a multiprocessor's 164 KB (compute capability 8.0); that of 8.6 gives a block 99.
            Assert.InRange(TiledLinear.SharedBytes<TTile>(), 1, 99 << 10);
        }
    }

    private float[] Run<TTile>(
        int rows, int outputs, int inputs, float[] x, float[] w, float[] bias, Func<string, string>? edit = null)
        where TTile : struct, IFloatTile<TTile>
    {
        int stride = GpuTensor.StrideOf(outputs);
        int pieces = GpuTensor.StrideOf(inputs) / 4;
        var y = new float[rows * stride];
        Array.Fill(y, Mark);
        nint results = Upload(y);
        KernelArguments arguments = default;
        arguments.AddView(results, y.Length).Add((long)Upload(Padded(x, rows))).Add((long)Upload(Padded(w, outputs)));
        arguments.AddView(bias.Length == 0 ? 0 : Upload(bias), bias.Length).AddView(0, 0);
        arguments.Add(rows).Add(outputs).Add(pieces).Add(stride).Add(0);
        PtxKernel kernel = _compiler.Compile(TiledLinear.LinearTiles<TTile>, TTile.Threads * TTile.Threads);
        kernel = edit is null ? kernel : kernel with { Text = edit(kernel.Text) };
        var grid = new LaunchShape(
            GemmPlan.Ceiling(rows, TTile.Side), GemmPlan.Ceiling(outputs, TTile.Side), kernel.Threads, TiledLinear.SharedBytes<TTile>());
        _driver.Launch(_driver.Load(kernel), grid, arguments.Bytes);
        _driver.CopyOut(MemoryMarshal.AsBytes(y.AsSpan()), results);
        return y;

        float[] Padded(float[] values, int count)
        {
            var padded = new float[count * pieces * 4];
            for (int i = 0; i < values.Length; i++)
            {
                padded[(i / inputs * pieces * 4) + (i % inputs)] = values[i];
            }

            return padded;
        }
    }

    private nint Upload(float[] values)
    {
        nint address = _driver.Allocate(values.Length * sizeof(float));
        _driver.CopyIn(address, MemoryMarshal.AsBytes(values.AsSpan()));
        return address;
    }
}
