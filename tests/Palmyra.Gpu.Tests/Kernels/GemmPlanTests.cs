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

    // GPT-2's, which are small: what few rows wait for is one step after the other.
    [Theory]
    [InlineData(MatrixFormat.BF16, 16, 768, 768, 4)]
    [InlineData(MatrixFormat.BF16, 64, 768, 768, 4)]
    [InlineData(MatrixFormat.BF16, 128, 768, 768, 4)]
    [InlineData(MatrixFormat.BF16, 512, 768, 768, 1)]
    [InlineData(MatrixFormat.BF16, 64, 3072, 768, 2)]
    [InlineData(MatrixFormat.BF16, 64, 768, 3072, 8)]
    [InlineData(MatrixFormat.BF16, 64, 50257, 768, 1)]
    [InlineData(MatrixFormat.Q4, 32, 768, 768, 4)]
    [InlineData(MatrixFormat.Q4, 64, 768, 3072, 8)]
    public void Small_matrices_are_split_until_blocks_are_short(MatrixFormat format, int rows, int outputs, int inputs, int splits) =>
        Assert.Equal(splits, GemmPlan.For(new GemmShape(format, rows, outputs, inputs, GemmPrecision.Rounded), Multiprocessors).Splits);

    // What decoding of many sequences waits for is memory: every weight is read by one row of tiles, and every multiprocessor has enough bytes of them
    // on their way (17 KB; of Q4 9, which three quarters of four blocks have and which is too little: see GemmPlan), or the product is split as far as
    // is worth while. Of GPT-J's matrices only Q4's are not enough.
    [Theory]
    [MemberData(nameof(FormatsAndRows))]
    public void Weights_are_read_once_by_enough_blocks(MatrixFormat format, int rows)
    {
        foreach ((int outputs, int inputs) in Matrices)
        {
            var shape = new GemmShape(format, rows, outputs, inputs, GemmPrecision.Rounded);
            GemmPlan plan = GemmPlan.For(shape, Multiprocessors);
            Assert.Equal(1, GemmPlan.Ceiling(rows, plan.TileRows));
            int groupBytes = format switch { MatrixFormat.Q8 => 32, MatrixFormat.Q4 => 16, _ => 64 };
            long onTheirWay = BlocksOf(shape, plan) * (GemmTensorCores.Stages - 1) * plan.TileOutputs * groupBytes / Multiprocessors;
            bool isEnough = onTheirWay >= (format == MatrixFormat.Q4 ? 9 : 17) << 10;
            Assert.True(isEnough || !IsWorthWhile(shape, plan with { Splits = 2 * plan.Splits }), $"{shape}: {plan}, {onTheirWay} bytes");
            Assert.True(isEnough || format == MatrixFormat.Q4 || inputs < 4096, $"{shape}: {plan}, {onTheirWay} bytes");
        }
    }

    // Whatever the shape, splits stay within what they are worth.
    [Theory]
    [MemberData(nameof(FormatsAndRows))]
    public void No_split_costs_more_than_it_gives(MatrixFormat format, int rows)
    {
        foreach ((int outputs, int inputs) in Matrices)
        {
            foreach (int factor in (int[])[1, 4, 16])
            {
                foreach (int multiprocessors in (int[])[20, Multiprocessors, GpuModelSize.MostMultiprocessors])
                {
                    var shape = new GemmShape(format, rows * factor, outputs, inputs, GemmPrecision.Rounded);
                    GemmPlan plan = GemmPlan.For(shape, multiprocessors);
                    Assert.True(plan.Splits == 1 || IsWorthWhile(shape, plan, multiprocessors), $"{shape}: {plan}");
                }
            }
        }
    }

    public static TheoryData<MatrixFormat, int> FormatsAndRows
    {
        get
        {
            var data = new TheoryData<MatrixFormat, int>();
            foreach (MatrixFormat format in (ReadOnlySpan<MatrixFormat>)[MatrixFormat.BF16, MatrixFormat.F16, MatrixFormat.Q8, MatrixFormat.Q4])
            {
                foreach (int rows in (ReadOnlySpan<int>)[9, 16, 17, 32, 33, 48, 64])
                {
                    data.Add(format, rows);
                }
            }

            return data;
        }
    }

    // GPT-J's and GPT-2's.
    private static readonly (int Outputs, int Inputs)[] Matrices =
    [
        (4096, 4096), (12288, 4096), (16384, 4096), (4096, 16384), (50400, 4096),
        (768, 768), (2304, 768), (3072, 768), (768, 3072), (50257, 768),
    ];

    private static long BlocksOf(in GemmShape shape, in GemmPlan plan) =>
        (long)GemmPlan.Ceiling(shape.Rows, plan.TileRows) * GemmPlan.Ceiling(shape.Outputs, plan.TileOutputs) * plan.Splits;

    // Blocks keep a step more than are on their way; and all blocks have a multiprocessor to themselves, or the parts, written and read, are no more
    // bytes than the weights.
    private static bool IsWorthWhile(in GemmShape shape, in GemmPlan plan, int multiprocessors = Multiprocessors) =>
        plan.Splits <= GemmPlan.MostSplits
        && GemmPlan.Ceiling(shape.Inputs, GemmTensorCores.Step) / plan.Splits >= GemmTensorCores.Stages
        && (BlocksOf(shape, plan) <= multiprocessors
            || 2L * plan.Splits * shape.Rows * shape.Outputs * sizeof(float) <= GpuMatrix.BytesOf(shape.Outputs, shape.Inputs, shape.Format));

    [Fact]
    public void A_block_has_enough_steps() =>
        Assert.Equal(1, GemmPlan.For(new GemmShape(MatrixFormat.Q4, 17, 64, 224, GemmPrecision.Rounded), Multiprocessors).Splits);

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
