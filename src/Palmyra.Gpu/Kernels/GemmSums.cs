using ILGPU;

namespace Palmyra.Gpu.Kernels;

// Ends a GEMM whose inputs were split among blocks: y = activation(Σ parts + bias) + residual, parts in order, so that the bits do not
// depend on which block was first. A thread makes one number; a block 256 neighbouring outputs of one row. Bytes: 4 a part and a number, 8
// more with a residual.
internal static class GemmSums
{
    public const int Threads = 256;

    /// <summary>The kernel: blocks rows x outputs/256.</summary>
    /// <param name="y">Results; rows lie stride apart.</param>
    /// <param name="parts">[part][row][output].</param>
    /// <param name="bias">One an output, or empty.</param>
    /// <param name="residual">As <paramref name="y"/>, which it may be, or empty.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="stride">Numbers from a row of y to the next.</param>
    /// <param name="count">Parts.</param>
    /// <param name="activation">Applied before the residual is added.</param>
    public static void Add(
        ArrayView<float> y, ArrayView<float> parts, ArrayView<float> bias, ArrayView<float> residual, int outputs, int stride, int count,
        int activation)
    {
        int output = (Grid.IdxY * Threads) + Group.IdxX;
        if (output < outputs)
        {
            long from = ((long)Grid.IdxX * outputs) + output;
            float sum = 0;
            for (int part = 0; part < count; part++)
            {
                sum += parts[from];
                from += (long)Grid.DimX * outputs;
            }

            sum = Activating.Apply(activation, bias.Length > 0 ? sum + bias[output] : sum);
            long at = ((long)Grid.IdxX * stride) + output;
            y[at] = residual.Length > 0 ? sum + residual[at] : sum;
        }
    }
}
