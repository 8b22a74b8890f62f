using System.Text.RegularExpressions;
using Palmyra.Backends;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing.Ptx;
using Xunit.Abstractions;

namespace Palmyra.Gpu.Tests.Kernels;

/// <summary>Products on tensor cores, interpreted, against sums in double precision.</summary>
public sealed class GemmProductTests(ITestOutputHelper output)
{
    public static TheoryData<MatrixFormat, int, int, int> Shapes
    {
        get
        {
            var data = new TheoryData<MatrixFormat, int, int, int>();
            foreach (MatrixFormat format in (ReadOnlySpan<MatrixFormat>)[MatrixFormat.BF16, MatrixFormat.F16, MatrixFormat.Q8, MatrixFormat.Q4])
            {
                foreach ((int rows, int outputs, int inputs) in (ReadOnlySpan<(int, int, int)>)
                    [(1, 1, 1), (5, 3, 7), (17, 64, 32), (64, 65, 40), (65, 64, 129), (128, 128, 96), (130, 129, 33), (200, 150, 300)])
                {
                    data.Add(format, rows, outputs, inputs);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_shape_and_format_is_right(MatrixFormat format, int rows, int outputs, int inputs)
    {
        foreach (GemmPrecision precision in Enum.GetValues<GemmPrecision>())
        {
            foreach (int size in (ReadOnlySpan<int>)[16, 64, 128])
            {
                using var run = new GemmRun { Shape = new GemmShape(format, rows, outputs, inputs, precision), TileRows = size };
                double error = run.Error();
                output.WriteLine($"{precision}, tiles of {size}: {run.RelativeError:E1}, {error:P0} of what is allowed");
                Assert.InRange(error, 0, 1);
                Assert.True(run.IsSurroundingKept);
                Assert.Equal(0, run.Product.BankConflicts);
            }
        }
    }

    [Theory]
    [InlineData(MatrixFormat.BF16)]
    [InlineData(MatrixFormat.F16)]
    [InlineData(MatrixFormat.Q8)]
    [InlineData(MatrixFormat.Q4)]
    public void Inputs_may_be_split_among_blocks(MatrixFormat format)
    {
        foreach (GemmPrecision precision in Enum.GetValues<GemmPrecision>())
        {
            foreach (int size in (ReadOnlySpan<int>)[16, 64])
            {
                using var run = new GemmRun
                {
                    Shape = new GemmShape(format, 33, 70, 260, precision), TileRows = size, Splits = 4, HasBias = true, HasResidual = true,
                    Activation = Activation.Silu,
                };
                Assert.InRange(run.Error(), 0, 1);
                Assert.True(run.IsSurroundingKept);
            }
        }
    }

    // 33 steps for eight blocks: five each, and the last has none.
    [Theory]
    [InlineData(MatrixFormat.BF16)]
    [InlineData(MatrixFormat.Q4)]
    public void A_block_may_have_no_step_left(MatrixFormat format)
    {
        foreach (int size in (ReadOnlySpan<int>)[16, 64])
        {
            using var run = new GemmRun { Shape = new GemmShape(format, 9, 24, 1056, GemmPrecision.Rounded), TileRows = size, Splits = 8 };
            Assert.InRange(run.Error(), 0, 1);
            Assert.True(run.IsSurroundingKept);
        }
    }

    [Theory]
    [InlineData(Activation.None)]
    [InlineData(Activation.GeluTanh)]
    [InlineData(Activation.GeluErf)]
    [InlineData(Activation.QuickGelu)]
    [InlineData(Activation.Relu)]
    [InlineData(Activation.Silu)]
    [InlineData(Activation.Tanh)]
    public void Bias_activation_and_residual_follow(Activation activation)
    {
        foreach ((bool residual, bool inPlace) in (ReadOnlySpan<(bool, bool)>)[(false, false), (true, false), (true, true)])
        {
            using var run = new GemmRun
            {
                Shape = new GemmShape(MatrixFormat.F16, 20, 70, 64, GemmPrecision.Exact), HasBias = true, HasResidual = residual, InPlace = inPlace,
                Activation = activation,
            };
            Assert.InRange(run.Error(), 0, 1);
            Assert.True(run.IsSurroundingKept);
        }
    }

    [Theory]
    [InlineData(MatrixFormat.BF16)]
    [InlineData(MatrixFormat.F16)]
    [InlineData(MatrixFormat.Q8)]
    public void Rows_of_any_size_keep_their_digits(MatrixFormat format)
    {
        foreach (GemmPrecision precision in Enum.GetValues<GemmPrecision>())
        {
            // Far beyond what a half can hold on either side; sums stay within a float.
            using var run = new GemmRun { Shape = new GemmShape(format, 9, 24, 70, precision), RowScales = [1e6f, 1e-9f, 1, 1e30f, 1e-30f, 0] };
            Assert.InRange(run.Error(), 0, 1);
        }
    }

    [Theory]
    [InlineData(MatrixFormat.BF16)]
    [InlineData(MatrixFormat.Q4)]
    public void What_is_not_finite_stays_in_its_row(MatrixFormat format)
    {
        foreach (GemmPrecision precision in Enum.GetValues<GemmPrecision>())
        {
            using var run = new GemmRun
            {
                Shape = new GemmShape(format, 9, 24, 70, precision), RowScales = [1, float.PositiveInfinity, 1, float.NaN],
            };
            Assert.InRange(run.Error(), 0, 1);
        }
    }

    [Fact]
    public void Rows_that_are_not_aligned_are_refused()
    {
        var shape = new GemmShape(MatrixFormat.BF16, 1, 1, 1, GemmPrecision.Rounded);
        GemmPlan plan = GemmPlan.For(shape, 1);
        var operands = new GemmOperands { Y = 256, W = 1024, YStride = 8 };
        KernelLauncher none = (Delegate _, in LaunchShape _, in KernelArguments _) => { };
        Gemm.Round(none, shape, 512, 8, 2048);
        Gemm.Multiply(none, shape, operands, plan, 2048, 0);
        Assert.Throws<ArgumentException>(() => Gemm.Round(none, shape, 512, 4, 2048));
        Assert.Throws<ArgumentException>(() => Gemm.Round(none, shape, 520, 8, 2048));
        Assert.Throws<ArgumentException>(() => Gemm.Round(none, shape, 512, 8, 2064));
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(none, shape, operands with { W = 1032 }, plan, 2048, 0));
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(none, shape, operands, plan, 2064, 0));
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(none, shape, operands, plan, 2048, 8));
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(none, shape with { Format = MatrixFormat.F32 }, operands, plan, 2048, 0));
    }

    [Fact]
    public void A_step_takes_the_operations_it_should()
    {
        using var run = new GemmRun { Shape = new GemmShape(MatrixFormat.BF16, 256, 128, 64, GemmPrecision.Rounded), TileRows = 128 };
        Assert.InRange(run.Error(), 0, 1);
        Assert.Equal(256L * 128 * 64 / (16 * 8 * 16), run.Product.TensorOperations);

        // Reads of a row's factor are shared by a warp, so they count for more than they move.
        Assert.InRange(run.Product.ReadEfficiency, 1, 4);
        Assert.Equal(1, run.Product.WriteEfficiency);
    }

    // Weights once for all rows, inputs once for every 64 outputs, and a float of each row's factor and output's bias.
    [Fact]
    public void Flat_tiles_read_every_weight_once()
    {
        const int Outputs = 128;
        const int Inputs = 256;
        using var run = new GemmRun { Shape = new GemmShape(MatrixFormat.BF16, 16, Outputs, Inputs, GemmPrecision.Rounded), TileRows = 16 };
        Assert.InRange(run.Error(), 0, 1);
        const int Tiles = Outputs / 64;
        long factors = Tiles * 4 * 8;
        Assert.Equal((2 * Inputs * (Outputs + (Tiles * 16)) / 32) + factors, run.Product.SectorsRead);
        Assert.Equal(16 * Outputs * sizeof(float) / 32, run.Product.SectorsWritten);
        Assert.Equal(16L * Outputs * Inputs / (16 * 8 * 16), run.Product.TensorOperations);
        Assert.Equal(0, run.Product.BankConflicts);
    }

    [Theory]
    [InlineData(MatrixFormat.BF16, "cp.async.wait_group 2;", "cp.async.wait_group 3;", "has waited for the cp.async that writes it")]
    [InlineData(MatrixFormat.Q8, "cp.async.wait_group 2;", "cp.async.wait_group 3;", "has waited for the cp.async that writes it")]
    [InlineData(MatrixFormat.BF16, "bar.sync\t0;", "", "without a barrier")]
    [InlineData(MatrixFormat.Q4, "bar.sync\t0;", "", "without a barrier")]
    public void A_missing_wait_or_barrier_is_refused(MatrixFormat format, string right, string wrong, string reason)
    {
        using var run = new GemmRun
        {
            Shape = new GemmShape(format, 64, 64, 256, GemmPrecision.Rounded), Edit = text => text.Replace(right, wrong, StringComparison.Ordinal),
        };
        Assert.Contains(reason, Assert.Throws<PtxFailure>(() => run.Error()).Message, StringComparison.Ordinal);
    }

    // The place of piece p of row r is p ^ (r/2 % 4). Without the latter everywhere, numbers are right, but eight rows share eight banks;
    // with it forgotten in one place, the numbers are wrong.
    [Theory]
    [InlineData(MatrixFormat.F16)]
    [InlineData(MatrixFormat.Q8)]
    [InlineData(MatrixFormat.Q4)]
    public void A_wrong_swizzle_is_noticed(MatrixFormat format)
    {
        var swizzle = new Regex(@"(shr\.s32\s+(%r\d+), %r\d+, 1;\s+and\.b32\s+%r\d+, \2, )3;");
        GemmShape shape = new(format, 64, 64, 64, GemmPrecision.Rounded);
        using var flat = new GemmRun { Shape = shape, Edit = text => swizzle.Replace(text, "${1}0;") };
        Assert.InRange(flat.Error(), 0, 1);
        Assert.True(flat.Product.BankConflicts > 0);
        using var half = new GemmRun { Shape = shape, Edit = text => swizzle.Replace(text, "${1}0;", 1) };
        Assert.True(half.Error() > 10);
    }

    [Fact]
    public void Tiles_do_not_change_bits()
    {
        using var small = new GemmRun { Shape = new GemmShape(MatrixFormat.Q8, 70, 130, 100, GemmPrecision.Rounded), TileRows = 64 };
        using var large = new GemmRun { Shape = small.Shape, TileRows = 128 };
        using var flat = new GemmRun { Shape = small.Shape, TileRows = 16 };
        Assert.Equal(small.Results(), large.Results());
        Assert.Equal(small.Results(), flat.Results());
    }

    [Theory]
    [InlineData("{a0, a1, a2, a3}, {b0, b1}", "{a0, a1, a2, a3}, {b1, b0}")]
    [InlineData("{a0, a1, a2, a3}, {b0, b1}", "{a0, a2, a1, a3}, {b0, b1}")]
    [InlineData("{n0, n1, n2, n3};", "{n1, n0, n2, n3};")]
    public void A_swapped_fragment_gives_wrong_numbers(string right, string wrong)
    {
        using var run = new GemmRun
        {
            Shape = new GemmShape(MatrixFormat.Q8, 64, 64, 64, GemmPrecision.Rounded), Edit = text => text.Replace(right, wrong, StringComparison.Ordinal),
        };
        Assert.True(run.Error() > 10);
    }
}
