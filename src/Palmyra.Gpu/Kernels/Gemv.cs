using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = activation(x·wᵀ + bias) + residual for few rows of x: decoding. GemmPlan.MostGemvRows says how many are few.
//
// A block makes four outputs for all rows. Its threads share the inputs: thread t takes steps t, t + threads, ... of each of the four rows of
// weights, a step being 16 bytes of a row (of F32 two loads of 16 bytes side by side), so a warp's loads lie in a run and every weight is read
// from memory once, whatever the number of rows. What is intended, and not measured: that the assembler moves a step's four loads before their
// first use, that a multiprocessor so has enough bytes in flight to keep the memory busy, and that the inputs, of which four outputs share each
// load, come from the nearest cache.
// Sums are 32-bit floats: each thread over its steps in order (in Q8 and Q4 a step's products are added before they meet its scale), then a
// butterfly over lanes, then warps in order.
// Tails: rows of x and of w end in zeros up to eight; steps of Q8 and Q4, or what of them reaches beyond x's row, are left out. Outputs and rows
// beyond the last repeat the last and are not written.
// Bytes: outputs·bytes of a row of w, once; rows·inputs·4 from the cache for every four outputs; outputs·rows·4 written.
internal static class Gemv
{
    /// <summary>Outputs of a block.</summary>
    public const int Outputs = 4;

    /// <summary>The kernel.</summary>
    /// <param name="y">Results.</param>
    /// <param name="x">Inputs in fours.</param>
    /// <param name="weights">From the first output's row.</param>
    /// <param name="scales">From the first output's row; empty for floats.</param>
    /// <param name="bias">From the first output; may be empty.</param>
    /// <param name="residual">As <paramref name="y"/>; may be empty.</param>
    /// <param name="rows">Rows of x, at most <typeparamref name="TRows"/>'s.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="steps">Steps of a row of weights.</param>
    /// <param name="scaleStride">Scales from a row to the next.</param>
    /// <param name="pieces">Fours of floats of a row of x.</param>
    /// <param name="stride">Floats from a row of y to the next.</param>
    /// <param name="activation">Applied before the residual is added.</param>
    public static void Linear<TWeights, TRows>(
        ArrayView<float> y, ArrayView<Float4> x, ArrayView<Word4> weights, ArrayView<ushort> scales, ArrayView<float> bias,
        ArrayView<float> residual, int rows, int outputs, int steps, int scaleStride, int pieces, int stride, int activation)
        where TWeights : struct, IWeights
        where TRows : struct, IRowSums<TRows>
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Reducing.MostWarps * TRows.Count * Outputs);
        int first = Grid.IdxX * Outputs;
        int o1 = IntrinsicMath.Min(first + 1, outputs - 1);
        int o2 = IntrinsicMath.Min(first + 2, outputs - 1);
        int o3 = IntrinsicMath.Min(first + 3, outputs - 1);
        TRows sums = default;
        for (int step = Group.IdxX; step * TWeights.Parts * 2 < pieces; step += Group.DimX)
        {
            WeightStep w0 = TWeights.Load(weights, ((long)first * steps) + step);
            WeightStep w1 = TWeights.Load(weights, ((long)o1 * steps) + step);
            WeightStep w2 = TWeights.Load(weights, ((long)o2 * steps) + step);
            WeightStep w3 = TWeights.Load(weights, ((long)o3 * steps) + step);
            int piece = step * TWeights.Parts * 2;
            TRows part = default;
            if (!TWeights.Scaled)
            {
                part = sums;
            }

            part = TRows.Dot(part, Part<TWeights>(w0, w1, w2, w3, 0), x, piece, 0, rows - 1, pieces);
            if (TWeights.Parts > 1 && piece + 2 < pieces)
            {
                part = TRows.Dot(part, Part<TWeights>(w0, w1, w2, w3, 1), x, piece + 2, 0, rows - 1, pieces);
            }

            if (TWeights.Parts > 2 && piece + 4 < pieces)
            {
                part = TRows.Dot(part, Part<TWeights>(w0, w1, w2, w3, 2), x, piece + 4, 0, rows - 1, pieces);
            }

            if (TWeights.Parts > 2 && piece + 6 < pieces)
            {
                part = TRows.Dot(part, Part<TWeights>(w0, w1, w2, w3, 3), x, piece + 6, 0, rows - 1, pieces);
            }

            if (TWeights.Scaled)
            {
                var factors = new Float4
                {
                    X = TWeights.Scale(scales, (long)first * scaleStride, step),
                    Y = TWeights.Scale(scales, (long)o1 * scaleStride, step),
                    Z = TWeights.Scale(scales, (long)o2 * scaleStride, step),
                    W = TWeights.Scale(scales, (long)o3 * scaleStride, step),
                };
                sums = TRows.AddScaled(sums, part, factors);
            }
            else
            {
                sums = part;
            }
        }

        sums = TRows.OverWarp(sums);
        if ((Group.IdxX & 31) == 0)
        {
            TRows.Store(sums, shared, (Group.IdxX >> 5) * TRows.Count * Outputs);
        }

        Group.Barrier();
        for (int i = Group.IdxX; i < rows * Outputs; i += Group.DimX)
        {
            int output = first + (i & 3);
            if (output < outputs)
            {
                float sum = bias.Length > 0 ? bias[output] : 0;
                for (int warp = 0; warp < Group.DimX >> 5; warp++)
                {
                    sum += shared[(warp * TRows.Count * Outputs) + i];
                }

                sum = Activating.Apply(activation, sum);
                int at = ((i >> 2) * stride) + output;
                y[at] = residual.Length > 0 ? sum + residual[at] : sum;
            }
        }
    }

    private static FourOutputs Part<TWeights>(WeightStep w0, WeightStep w1, WeightStep w2, WeightStep w3, int part)
        where TWeights : struct, IWeights => new()
        {
            A = TWeights.Part(w0, part), B = TWeights.Part(w1, part), C = TWeights.Part(w2, part), D = TWeights.Part(w3, part),
        };
}
