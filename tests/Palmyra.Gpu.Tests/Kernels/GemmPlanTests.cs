using Palmyra.Backends;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu.Tests.Kernels;

public sealed class GemmPlanTests
{
    private const int Multiprocessors = 132;

    // GPT-J's matrices.
    [Theory]
    [InlineData(9, 4096, 4096, 16, 8)]
    [InlineData(16, 12288, 4096, 16, 4)]
    [InlineData(16, 16384, 4096, 16, 2)]
    [InlineData(16, 50400, 4096, 16, 1)]
    [InlineData(17, 4096, 4096, 64, 4)]
    [InlineData(64, 12288, 4096, 64, 2)]
    [InlineData(64, 50400, 4096, 64, 1)]
    [InlineData(128, 4096, 4096, 64, 2)]
    [InlineData(128, 16384, 4096, 64, 1)]
    [InlineData(32, 4096, 16384, 64, 4)]
    [InlineData(512, 4096, 4096, 64, 1)]
    [InlineData(1024, 4096, 4096, 128, 1)]
    [InlineData(512, 16384, 4096, 128, 1)]
    public void Few_rows_get_small_tiles_and_splits(int rows, int outputs, int inputs, int tileRows, int splits)
    {
        GemmPlan plan = GemmPlan.For(new GemmShape(MatrixFormat.BF16, rows, outputs, inputs, GemmPrecision.Rounded), Multiprocessors);
        Assert.Equal((tileRows, splits), (plan.TileRows, plan.Splits));
    }

    // What decoding of many sequences waits for is memory: every weight is read by one row of tiles, every multiprocessor has enough bytes of them
    // on their way (17 KB would be enough for all; see GemmPlan), and what splits write and read again is no more than the weights.
    [Theory]
    [InlineData(MatrixFormat.BF16, 9, 17)]
    [InlineData(MatrixFormat.BF16, 64, 17)]
    [InlineData(MatrixFormat.F16, 33, 17)]
    [InlineData(MatrixFormat.Q8, 16, 17)]
    [InlineData(MatrixFormat.Q8, 64, 17)]
    [InlineData(MatrixFormat.Q4, 16, 9)]
    [InlineData(MatrixFormat.Q4, 32, 5)]
    [InlineData(MatrixFormat.Q4, 64, 5)]
    public void Weights_are_read_once_by_enough_blocks(MatrixFormat format, int rows, int kilobytes)
    {
        foreach ((int outputs, int inputs) in (ReadOnlySpan<(int, int)>)[(4096, 4096), (12288, 4096), (16384, 4096), (4096, 16384)])
        {
            var shape = new GemmShape(format, rows, outputs, inputs, GemmPrecision.Rounded);
            GemmPlan plan = GemmPlan.For(shape, Multiprocessors);
            Assert.Equal(1, GemmPlan.Ceiling(rows, plan.TileRows));
            long blocks = (long)GemmPlan.Ceiling(outputs, plan.TileOutputs) * plan.Splits;
            int groupBytes = format switch { MatrixFormat.Q8 => 32, MatrixFormat.Q4 => 16, _ => 64 };
            long onTheirWay = blocks * (GemmTensorCores.Stages - 1) * plan.TileOutputs * groupBytes / Multiprocessors;
            Assert.True(onTheirWay >= kilobytes << 10, $"{outputs} x {inputs}: {onTheirWay} bytes");
            Assert.InRange(2 * plan.SumsBytes, 0, GpuMatrix.BytesOf(outputs, inputs, format));
        }
    }

    [Fact]
    public void A_block_has_enough_steps() =>
        Assert.Equal(1, GemmPlan.For(new GemmShape(MatrixFormat.Q4, 17, 64, 256, GemmPrecision.Rounded), Multiprocessors).Splits);

    [Theory]
    [InlineData(MatrixFormat.BF16, 2)]
    [InlineData(MatrixFormat.F16, 2)]
    [InlineData(MatrixFormat.Q8, 3)]
    [InlineData(MatrixFormat.Q4, 3)]
    public void Exact_products_take_more_passes(MatrixFormat format, int passes)
    {
        var shape = new GemmShape(format, 300, 300, 300, GemmPrecision.Exact);
        Assert.Equal((passes, 2), (shape.Passes, shape.Parts));
        Assert.Equal((1, 1), ((shape with { Precision = GemmPrecision.Rounded }).Passes, (shape with { Precision = GemmPrecision.Rounded }).Parts));
    }

    [Fact]
    public void Scratch_memory_holds_rows_factors_and_sums()
    {
        // 100 inputs are 13 pieces of 16 bytes, 10 rows of two parts 4,160.
        var shape = new GemmShape(MatrixFormat.BF16, 10, 20, 100, GemmPrecision.Exact);
        GemmPlan plan = GemmPlan.Of<SmallTile>(shape, 2);
        Assert.Equal((4352, 4352 + 40, 2 * 10 * 20 * 4), (GemmPlan.FactorsOffset(shape), plan.RoundedBytes, plan.SumsBytes));
        Assert.Equal(0, GemmPlan.Of<SmallTile>(shape, 1).SumsBytes);
    }

    // Products of the same rows share their rounding, whatever the outputs.
    [Fact]
    public void Rounded_rows_do_not_depend_on_the_outputs() => Assert.Single(
        from outputs in new[] { 64, 1000, 50400 }
        select GemmPlan.For(new GemmShape(MatrixFormat.BF16, 256, outputs, 4096, GemmPrecision.Exact), Multiprocessors).RoundedBytes
        into bytes
        group bytes by bytes);
}
