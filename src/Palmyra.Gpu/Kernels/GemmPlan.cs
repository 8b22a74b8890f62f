using System.Numerics;
using Palmyra.Backends;

namespace Palmyra.Gpu.Kernels;

/// <summary>How a GEMM is cut into blocks, and the scratch memory it takes.</summary>
/// <remarks>
/// <para>Large tiles read least: each operand once for 128 rows or outputs. But with few rows they would leave multiprocessors idle, which
/// weights are waiting for; so the tiles become small, or flat, and if there still are fewer blocks than it takes to have enough bytes of weights
/// on their way, blocks share the inputs of a tile.</para>
/// <para>Bytes on their way. Memory of 4.8 TB/s gives each of 132 multiprocessors about 21 bytes a cycle, some 800 cycles after it was asked: 17 KB
/// must be on their way to each. A block of 64 outputs has three steps on their way: 12 KB of 16-bit weights, 6 KB of Q8, 3 KB of Q4. So two blocks
/// for each multiprocessor do for 16 bits, four are wanted for fewer; flat tiles, whose blocks and parts are small, get four always. Q4 falls short
/// of it: four blocks have 12 KB, of which three quarters are asked for, and its parts soon are as many bytes as its weights, which ends the
/// splitting sooner.</para>
/// <para>Small matrices, such as GPT-2's of 768 x 768, are not for want of bytes but of time: with three steps on their way a step takes some 270 cycles,
/// whatever it multiplies. So splits go on, down to four steps a block, while there are fewer blocks than multiprocessors, though the parts be
/// more than the weights: written a moment ago, they come from the second-level cache. To split what is whole pays from some 16 steps on, for what
/// two launches take; no model has matrices that shallow.</para>
/// <para>All of this is counted; nothing has been measured.</para>
/// </remarks>
/// <param name="TileRows">Rows of a tile: 16, 64 or 128.</param>
/// <param name="TileOutputs">Outputs of a tile.</param>
/// <param name="Splits">Blocks that share a tile's inputs: a power of two.</param>
/// <param name="RoundedBytes">Scratch memory of the inputs as they are multiplied, and their factors: the same for all products of the same rows.</param>
/// <param name="SumsBytes">Scratch memory of the sums of split tiles; 0 where none are.</param>
internal readonly record struct GemmPlan(int TileRows, int TileOutputs, int Splits, long RoundedBytes, long SumsBytes)
{
    /// <summary>Blocks that share a tile at most: every one writes and reads again 4 bytes for a number.</summary>
    public const int MostSplits = 8;

    /// <summary>Steps a block has at least: one more than are on their way.</summary>
    private const int FewestSteps = GemmTensorCores.Stages;

    /// <summary>Rows up to which <see cref="Gemv"/> makes a product, and beyond which tensor cores do, or <see cref="TiledLinear"/> of F32.</summary>
    /// <remarks>
    /// <para>Counted for 1,024 weights on a multiprocessor that gets 21 bytes a cycle and issues four instructions in one. The memory takes 197 cycles
    /// (F32), 98 (16 bits), 52 (Q8), 28 (Q4). Gemv issues 34 instructions a row (32 multiply-adds and two loads) and to widen 32 (16 bits) or
    /// some 70 (Q8, Q4); its variants have 1, 2, 4, 8 and 16 rows, present or not. It reads 1 KB of every row of x: 8 cycles from the nearest cache,
    /// which holds some 128 KB of x (8 rows of 4,096 floats), 25 from the second-level cache at perhaps 40 bytes a cycle. That is the worst: blocks
    /// that began together read the same of x at about the same time. Cycles:</para>
    /// <code>
    ///                    4 rows   8   16      memory
    /// F32                  34     68  136        197
    /// 16 bits              42     76  144         98
    /// Q8                   52     86  154         52
    /// Q4                   52     86  154         28
    /// x from afar         100    200  400
    /// </code>
    /// <para>16 rows of 4,096 floats come from afar: F32 takes 400 cycles at worst, twice the memory's time, and a small tile of TiledLinear 512, for any
    /// number of rows up to 32. So F32 stays with Gemv up to 16 rows; 32 rows in two halves would take 800 where x is wide, and only where it is
    /// narrow fewer than the tile. A flat tile stays near the memory's time whatever the rows (Q4: twice it, by what a step issues), but needs two
    /// launches more, to round and to add, of perhaps 2 µs each, while a matrix of 4096 x 4096 takes 7 µs (16 bits), 4 (Q8), 2 (Q4). So all others
    /// stay up to 8. Between 5 and 8 rows matrices of four times that would gain from tensor cores: of Q4, or where a row of x is 16,384 floats, of
    /// which the nearest cache holds two. Unmeasured; the bundle times both sides.</para>
    /// </remarks>
    public static int MostGemvRows(MatrixFormat format) => format == MatrixFormat.F32 ? 16 : 8;

    /// <summary>Chooses.</summary>
    /// <param name="shape">What is multiplied.</param>
    /// <param name="multiprocessors">The device's.</param>
    public static GemmPlan For(in GemmShape shape, int multiprocessors)
    {
        if (shape.Rows <= FlatTile.Rows)
        {
            return Of<FlatTile>(shape, SplitsOf(shape, Tiles<FlatTile>(shape), 4, multiprocessors));
        }

        // Up to 64 rows half of a large tile would be empty.
        if (shape.Rows > SmallTile.Rows && Tiles<LargeTile>(shape) >= multiprocessors)
        {
            return Of<LargeTile>(shape, 1);
        }

        int blocks = shape.Format is MatrixFormat.Q8 or MatrixFormat.Q4 ? 4 : 2;
        return Of<SmallTile>(shape, SplitsOf(shape, Tiles<SmallTile>(shape), blocks, multiprocessors));
    }

    /// <summary>A plan of one's own.</summary>
    public static GemmPlan Of<TTile>(in GemmShape shape, int splits)
        where TTile : struct, IGemmTile => new(
            TTile.Rows,
            TTile.Outputs,
            splits,
            FactorsOffset(shape) + ((long)shape.Rows * sizeof(float)),
            splits == 1 ? 0 : (long)splits * shape.Rows * shape.Outputs * sizeof(float));

    /// <summary>Where in the rounded inputs' memory their rows' factors begin.</summary>
    public static long FactorsOffset(in GemmShape shape) => ((long)shape.Parts * shape.Rows * Ceiling(shape.Inputs, 8) * 16 + 255) / 256 * 256;

    internal static int Ceiling(int count, int size) => (int)(((long)count + size - 1) / size);

    private static long Tiles<TTile>(in GemmShape shape)
        where TTile : struct, IGemmTile => (long)Ceiling(shape.Rows, TTile.Rows) * Ceiling(shape.Outputs, TTile.Outputs);

    // The fewest that make three quarters of the blocks wanted, as far as blocks keep enough steps, and as far as the parts, written and read, are
    // no more bytes than the weights or the blocks no more than the multiprocessors.
    private static int SplitsOf(in GemmShape shape, long tiles, int blocks, int multiprocessors)
    {
        int depth = Ceiling(shape.Inputs, GemmTensorCores.Step);
        int groupBytes = shape.Format switch { MatrixFormat.Q8 => 34, MatrixFormat.Q4 => 18, _ => 64 };
        long worth = Math.Max((long)depth * groupBytes / (2 * sizeof(float) * shape.Rows), multiprocessors / tiles);
        long most = Math.Min((long)depth * shape.Passes / FewestSteps, worth);
        int allowed = 1 << BitOperations.Log2((uint)Math.Clamp(most, 1, MostSplits));
        long wanted = ((3L * blocks * multiprocessors / 4) + tiles - 1) / tiles;
        return wanted >= allowed ? allowed : (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(wanted, 1));
    }
}
