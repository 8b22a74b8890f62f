using ILGPU;

namespace Palmyra.Gpu.Kernels;

// ln softmax of the target and the best index, tile by tile of the vocabulary: Linear makes rows x tile logits in scratch memory, and this
// brings them into each row's state of four floats (maximum, Σ exp(logit − maximum), best index, the target's logit).
// A block a row; threads stride over the tile, twice: for the maximum and its lowest index, then for the sum, whose reads the nearest cache
// serves. Additions: each thread its logits in order, a butterfly over lanes, warps in order, tiles in order.
// Indices are floats: exact up to 2²⁴, beyond any vocabulary a configuration may have.
internal static class Scoring
{
    public const int Threads = 256;

    /// <summary>The kernel.</summary>
    /// <param name="states">[row], kept from tile to tile.</param>
    /// <param name="logits">[row][stride].</param>
    /// <param name="targets">Of each row.</param>
    /// <param name="logProb">Written with the last tile.</param>
    /// <param name="best">Written with the last tile; may be empty.</param>
    /// <param name="first">The tile's first index; 0 begins a state.</param>
    /// <param name="count">The tile's width.</param>
    /// <param name="stride">Logits from a row to the next.</param>
    /// <param name="last">1 with the last tile.</param>
    /// <param name="probStride">From a row of logProb and best to the next.</param>
    public static void Score(
        ArrayView<Float4> states, ArrayView<float> logits, ArrayView<int> targets, ArrayView<float> logProb, ArrayView<float> best,
        int first, int count, int stride, int last, int probStride)
    {
        ArrayView<float> values = SharedMemory.Allocate<float>(Reducing.MostWarps);
        ArrayView<float> indices = SharedMemory.Allocate<float>(Reducing.MostWarps);
        int row = Grid.IdxX;
        long at = (long)row * stride;
        float max = float.NegativeInfinity;
        float index = 0;
        for (int i = Group.IdxX; i < count; i += Threads)
        {
            float logit = logits[at + i];
            index = logit > max ? first + i : index;
            max = logit > max ? logit : max;
        }

        // Among equals the lowest index; a thread that saw nothing has −∞ and loses or ties with others that have none either.
        for (int distance = 16; distance > 0; distance >>= 1)
        {
            float otherMax = Warp.ShuffleXor(max, distance);
            float otherIndex = Warp.ShuffleXor(index, distance);
            index = otherMax > max || (otherMax == max && otherIndex < index) ? otherIndex : index;
            max = otherMax > max ? otherMax : max;
        }

        if ((Group.IdxX & 31) == 0)
        {
            values[Group.IdxX >> 5] = max;
            indices[Group.IdxX >> 5] = index;
        }

        Group.Barrier();
        max = values[0];
        index = indices[0];
        for (int warp = 1; warp < Threads / 32; warp++)
        {
            float otherMax = values[warp];
            index = otherMax > max || (otherMax == max && indices[warp] < index) ? indices[warp] : index;
            max = otherMax > max ? otherMax : max;
        }

        Float4 state = new() { X = float.NegativeInfinity };
        if (first > 0)
        {
            state = states[row];
        }

        index = max > state.X ? index : state.Z;
        max = MathF.Max(max, state.X);
        Group.Barrier();
        float sum = 0;
        for (int i = Group.IdxX; i < count; i += Threads)
        {
            sum += Elementary.ExpOfNegative(logits[at + i] - max);
        }

        sum = Reducing.BlockSum(sum, values);
        if (Group.IdxX == 0)
        {
            if (first > 0)
            {
                sum += state.Y * Elementary.ExpOfNegative(state.X - max);
            }

            int target = targets[row] - first;
            float targetLogit = state.W;
            if (target >= 0 && target < count)
            {
                targetLogit = logits[at + target];
            }

            states[row] = new Float4 { X = max, Y = sum, Z = index, W = targetLogit };
            if (last != 0)
            {
                logProb[(long)row * probStride] = targetLogit - max - Elementary.Log(sum);
                if (best.Length > 0)
                {
                    best[(long)row * probStride] = index;
                }
            }
        }
    }
}
