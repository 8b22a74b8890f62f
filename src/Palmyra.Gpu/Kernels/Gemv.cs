using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = activation(x·wᵀ + bias) + residual for few rows of x: decoding. GemmPlan.MostGemvRows says how many are few.
//
// A block makes four outputs for all rows. Its threads share the inputs: thread t takes steps t, t + threads, ... of each of the four rows of
// weights, a step being 16 bytes of a row (of F32 two loads of 16 bytes side by side), so a warp's loads lie in a run and every weight is read
// from memory once, whatever the number of rows. What is intended, and not measured: that the assembler moves a step's four loads before their
// first use, that a multiprocessor so has enough bytes in flight to keep the memory busy, and that the inputs, of which four outputs share each
// load, come from the nearest cache; many rows of many inputs are more than it holds (GemmPlan.MostGemvRows counts what that costs).
// Sums are 32-bit floats: each thread over its steps in order (in Q8 and Q4 a step's products are added before they meet its scale), then a
// butterfly over lanes, then warps in order.
// Tails: rows of x and of w end in zeros up to eight; steps of Q8 and Q4, or what of them reaches beyond x's row, are left out. Outputs and rows
// beyond the last repeat the last and are not written.
// Bytes: outputs·bytes of a row of w, once; rows·inputs·4 from the cache for every four outputs; outputs·rows·4 written.
internal static class Gemv
{
    /// <summary>Outputs of a block.</summary>
    public const int Outputs = 4;

    /// <summary>Threads of a block: enough that each has a few steps, no more, since small matrices would leave them idle.</summary>
    /// <param name="steps">Steps of a row of weights.</param>
    public static int ThreadsFor(int steps) => steps >= 256 ? 128 : steps >= 64 ? 64 : 32;

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
        InputRows inputs = AsStored<TWeights>(x, rows, pieces);
        TRows sums = Sums<TWeights, TRows>(inputs, weights, scales, first, outputs, steps, scaleStride, pieces, Group.IdxX, Group.DimX);
        Keep(sums, shared, Group.IdxX >> 5);
        Group.Barrier();
        Write<TRows>(y, shared, bias, residual, first, rows, outputs, stride, activation, 0, Group.IdxX, Group.DimX);
    }

    /// <summary>Rows as tensors have them.</summary>
    public static InputRows AsStored<TWeights>(ArrayView<Float4> x, int rows, int pieces)
        where TWeights : struct, IWeights => new() { Values = x, Step = TWeights.Parts * 2, Four = 1, Row = pieces, Last = rows - 1 };

    /// <summary>What the lanes of a warp have of four outputs, added up.</summary>
    /// <param name="x">Inputs.</param>
    /// <param name="weights">From output 0's row.</param>
    /// <param name="scales">From output 0's row; empty for floats.</param>
    /// <param name="first">The first of the four outputs.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="steps">Steps of a row of weights.</param>
    /// <param name="scaleStride">Scales from a row to the next.</param>
    /// <param name="pieces">Fours of floats of a row of x.</param>
    /// <param name="thread">Which of the threads that share the inputs this is.</param>
    /// <param name="threads">How many share them.</param>
    public static TRows Sums<TWeights, TRows>(
        InputRows x, ArrayView<Word4> weights, ArrayView<ushort> scales, int first, int outputs, int steps, int scaleStride, int pieces,
        int thread, int threads)
        where TWeights : struct, IWeights
        where TRows : struct, IRowSums<TRows>
    {
        int o1 = IntrinsicMath.Min(first + 1, outputs - 1);
        int o2 = IntrinsicMath.Min(first + 2, outputs - 1);
        int o3 = IntrinsicMath.Min(first + 3, outputs - 1);
        TRows sums = default;
        for (int step = thread; step * TWeights.Parts * 2 < pieces; step += threads)
        {
            WeightStep w0 = TWeights.Load(weights, ((long)first * steps) + step);
            WeightStep w1 = TWeights.Load(weights, ((long)o1 * steps) + step);
            WeightStep w2 = TWeights.Load(weights, ((long)o2 * steps) + step);
            WeightStep w3 = TWeights.Load(weights, ((long)o3 * steps) + step);
            int piece = step * TWeights.Parts * 2;
            int at = step * x.Step;
            TRows part = default;
            if (!TWeights.Scaled)
            {
                part = sums;
            }

            part = TRows.Dot(part, Part<TWeights>(w0, w1, w2, w3, 0), x, at, 0);
            if (TWeights.Parts > 1 && piece + 2 < pieces)
            {
                part = TRows.Dot(part, Part<TWeights>(w0, w1, w2, w3, 1), x, at + (2 * x.Four), 0);
            }

            if (TWeights.Parts > 2 && piece + 4 < pieces)
            {
                part = TRows.Dot(part, Part<TWeights>(w0, w1, w2, w3, 2), x, at + (4 * x.Four), 0);
            }

            if (TWeights.Parts > 2 && piece + 6 < pieces)
            {
                part = TRows.Dot(part, Part<TWeights>(w0, w1, w2, w3, 3), x, at + (6 * x.Four), 0);
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

        return TRows.OverWarp(sums);
    }

    /// <summary>Has a warp leave its sums in shared memory, [warp][row][output].</summary>
    internal static void Keep<TRows>(TRows sums, ArrayView<float> shared, int warp)
        where TRows : struct, IRowSums<TRows>
    {
        if ((Group.IdxX & 31) == 0)
        {
            TRows.Store(sums, shared, warp * TRows.Count * Outputs);
        }
    }

    /// <summary>One output of one row before its activation: its bias, then the warps' sums in order.</summary>
    /// <param name="shared">What <see cref="Keep"/> left.</param>
    /// <param name="bias">Biases, or empty.</param>
    /// <param name="output">Which output.</param>
    /// <param name="item">Which of [row][output] of the four outputs.</param>
    /// <param name="firstWarp">The first warp that shared the inputs.</param>
    /// <param name="warps">How many did.</param>
    public static float Total<TRows>(ArrayView<float> shared, ArrayView<float> bias, int output, int item, int firstWarp, int warps)
        where TRows : struct, IRowSums<TRows>
    {
        float sum = bias.Length > 0 ? bias[output] : 0;
        for (int warp = firstWarp; warp < firstWarp + warps; warp++)
        {
            sum += shared[(warp * TRows.Count * Outputs) + item];
        }

        return sum;
    }

    /// <summary>Writes four outputs of every row.</summary>
    internal static void Write<TRows>(
        ArrayView<float> y, ArrayView<float> shared, ArrayView<float> bias, ArrayView<float> residual, int first, int rows, int outputs,
        int stride, int activation, int firstWarp, int thread, int threads)
        where TRows : struct, IRowSums<TRows>
    {
        for (int i = thread; i < rows * Outputs; i += threads)
        {
            int output = first + (i & 3);
            if (output < outputs)
            {
                float sum = Activating.Apply(activation, Total<TRows>(shared, bias, output, i, firstWarp, threads >> 5));
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
