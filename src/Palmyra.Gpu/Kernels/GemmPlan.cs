using System.Numerics;
using Palmyra.Backends;

namespace Palmyra.Gpu.Kernels;

/// <summary>How a GEMM is cut into blocks, and the scratch memory it takes.</summary>
/// <remarks>
/// Large tiles read least: each operand once for 128 rows or outputs. But with few rows they would leave multiprocessors idle, which
/// weights are waiting for; so the tiles become small, and if there still are fewer than two blocks for each multiprocessor, blocks share
/// the inputs of a tile. The limits are estimates from counting bytes and blocks; they have not been measured.
/// </remarks>
/// <param name="Size">Rows and outputs of a tile: 128 or 64.</param>
/// <param name="Splits">Blocks that share a tile's inputs: a power of two.</param>
/// <param name="Passes">Times the inputs are run over; see <see cref="GemmTensorCores"/>.</param>
/// <param name="FactorsOffset">Where in scratch memory the rows' factors begin; the rounded inputs are at its start.</param>
/// <param name="SumsOffset">Where the sums of split tiles begin.</param>
/// <param name="ScratchBytes">All of it.</param>
internal readonly record struct GemmPlan(int Size, int Splits, int Passes, long FactorsOffset, long SumsOffset, long ScratchBytes)
{
    /// <summary>Blocks that share a tile at most: every one writes and reads again 4 bytes for a number.</summary>
    private const int MostSplits = 8;

    /// <summary>Steps a block has at least, so that filling the pipeline stays a small part.</summary>
    private const int FewestSteps = 8;

    /// <summary>Chooses.</summary>
    /// <param name="shape">What is multiplied.</param>
    /// <param name="multiprocessors">The device's.</param>
    public static GemmPlan For(in GemmShape shape, int multiprocessors)
    {
        int passes = shape.Precision == GemmPrecision.Rounded ? 1 : shape.Format is MatrixFormat.Q8 or MatrixFormat.Q4 ? 3 : 2;
        if (Tiles(shape, LargeTile.Size) >= multiprocessors)
        {
            return Of(shape, LargeTile.Size, 1, passes);
        }

        long steps = (long)Ceiling(shape.Inputs, GemmTensorCores.Step) * passes;
        long splits = Math.Min(2L * multiprocessors / Tiles(shape, SmallTile.Size), steps / FewestSteps);
        return Of(shape, SmallTile.Size, 1 << BitOperations.Log2((uint)Math.Clamp(splits, 1, MostSplits)), passes);
    }

    /// <summary>A plan of one's own.</summary>
    public static GemmPlan Of(in GemmShape shape, int size, int splits, int passes)
    {
        long factors = Aligned((long)Math.Min(passes, 2) * shape.Rows * Ceiling(shape.Inputs, 8) * 16);
        long sums = factors + Aligned((long)shape.Rows * sizeof(float));
        long end = splits == 1 ? sums : sums + ((long)splits * shape.Rows * shape.Outputs * sizeof(float));
        return new GemmPlan(size, splits, passes, factors, sums, end);
    }

    /// <summary>Tiles of a size that cover y.</summary>
    public static long Tiles(in GemmShape shape, int size) => (long)Ceiling(shape.Rows, size) * Ceiling(shape.Outputs, size);

    internal static int Ceiling(int count, int size) => (int)(((long)count + size - 1) / size);

    private static long Aligned(long bytes) => (bytes + 255) / 256 * 256;
}
