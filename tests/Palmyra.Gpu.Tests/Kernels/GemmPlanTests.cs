using Palmyra.Backends;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu.Tests.Kernels;

public sealed class GemmPlanTests
{
    // GPT-J's matrices on 132 multiprocessors.
    [Theory]
    [InlineData(17, 4096, 4096, 64, 4)]
    [InlineData(128, 4096, 4096, 64, 2)]
    [InlineData(128, 16384, 4096, 64, 1)]
    [InlineData(32, 4096, 16384, 64, 4)]
    [InlineData(512, 4096, 4096, 64, 1)]
    [InlineData(1024, 4096, 4096, 128, 1)]
    [InlineData(512, 16384, 4096, 128, 1)]
    public void Few_rows_get_small_tiles_and_splits(int rows, int outputs, int inputs, int size, int splits)
    {
        GemmPlan plan = GemmPlan.For(new GemmShape(MatrixFormat.BF16, rows, outputs, inputs, GemmPrecision.Rounded), 132);
        Assert.Equal((size, splits, 1), (plan.Size, plan.Splits, plan.Passes));
    }

    [Fact]
    public void A_block_has_enough_steps() =>
        Assert.Equal(1, GemmPlan.For(new GemmShape(MatrixFormat.Q4, 17, 64, 256, GemmPrecision.Rounded), 132).Splits);

    [Theory]
    [InlineData(MatrixFormat.BF16, 2)]
    [InlineData(MatrixFormat.F16, 2)]
    [InlineData(MatrixFormat.Q8, 3)]
    [InlineData(MatrixFormat.Q4, 3)]
    public void Exact_products_take_more_passes(MatrixFormat format, int passes) =>
        Assert.Equal(passes, GemmPlan.For(new GemmShape(format, 300, 300, 300, GemmPrecision.Exact), 1).Passes);

    [Fact]
    public void Scratch_memory_holds_rows_factors_and_sums()
    {
        // 100 inputs are 13 pieces of 16 bytes.
        GemmPlan plan = GemmPlan.Of(new GemmShape(MatrixFormat.BF16, 10, 20, 100, GemmPrecision.Exact), 64, 2, 2);
        Assert.Equal((4352, 4352 + 256, 4352 + 256 + (2 * 10 * 20 * 4)), (plan.FactorsOffset, plan.SumsOffset, plan.ScratchBytes));
    }
}
