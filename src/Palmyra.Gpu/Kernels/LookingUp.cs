using ILGPU;

namespace Palmyra.Gpu.Kernels;

// Rows taken from elsewhere: a block a row, a thread eight (Embed) or four (GatherRows) numbers at a time, each read and written once.
internal static class LookingUp
{
    public const int Threads = 128;

    /// <summary>y = table[id], or y += table[id]; exact, as a number of Q8 or Q4 is one product. Padding becomes zero, as it is in the table.</summary>
    public static void Embed<TWeights>(
        ArrayView<Float4> y, ArrayView<Word4> table, ArrayView<ushort> scales, ArrayView<int> ids, int steps, int scaleStride, int pieces, int add)
        where TWeights : struct, IWeights
    {
        int id = ids[Grid.IdxX];
        long to = (long)Grid.IdxX * pieces;
        for (int piece = 2 * Group.IdxX; piece < pieces; piece += 2 * Group.DimX)
        {
            int step = (piece >> 1) / TWeights.Parts;
            WeightStep loaded = TWeights.Load(table, ((long)id * steps) + step);
            Float8 values = TWeights.Part(loaded, (piece >> 1) & (TWeights.Parts - 1));
            if (TWeights.Scaled)
            {
                values *= TWeights.Scale(scales, (long)id * scaleStride, step);
            }

            if (add != 0)
            {
                values.A += y[to + piece];
                values.B += y[to + piece + 1];
            }

            y[to + piece] = values.A;
            y[to + piece + 1] = values.B;
        }
    }

    /// <summary>y[i] = x[rows[i]].</summary>
    public static void GatherRows(ArrayView<Float4> y, ArrayView<Float4> x, ArrayView<int> rows, int pieces)
    {
        long from = (long)rows[Grid.IdxX] * pieces;
        long to = (long)Grid.IdxX * pieces;
        for (int piece = Group.IdxX; piece < pieces; piece += Group.DimX)
        {
            y[to + piece] = x[from + piece];
        }
    }
}
