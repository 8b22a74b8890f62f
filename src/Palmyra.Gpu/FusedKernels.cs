using Palmyra.Backends;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu;

/// <summary>The variants of <see cref="FusedGemv"/>.</summary>
internal static class FusedKernels
{
    /// <summary>One of them.</summary>
    /// <param name="format">The weights' format.</param>
    /// <param name="rows">Rows, up to <see cref="GemmPlan.MostGemvRows"/>; with a norm up to <see cref="FusedGemv.MostNormedRows"/>.</param>
    /// <param name="normed">Whether it norms its inputs.</param>
    /// <param name="halves">Whether the cache, if it writes there, is of 16-bit floats.</param>
    public static Delegate Of(MatrixFormat format, int rows, bool normed, bool halves) => format switch
    {
        MatrixFormat.F32 when rows > 8 => OfCache<F32Weights, Pair<Pair<Pair<Pair<OneRow>>>>, StoredInputs>(halves),
        MatrixFormat.F32 => OfRows<F32Weights>(rows, normed, halves),
        MatrixFormat.F16 => OfRows<F16Weights>(rows, normed, halves),
        MatrixFormat.BF16 => OfRows<BF16Weights>(rows, normed, halves),
        MatrixFormat.Q8 => OfRows<Q8Weights>(rows, normed, halves),
        _ => OfRows<Q4Weights>(rows, normed, halves),
    };

    private static Delegate OfRows<TWeights>(int rows, bool normed, bool halves)
        where TWeights : struct, IWeights => rows switch
        {
            1 => OfInputs<TWeights, OneRow>(normed, halves),
            2 => OfInputs<TWeights, Pair<OneRow>>(normed, halves),
            <= 4 => OfInputs<TWeights, Pair<Pair<OneRow>>>(normed, halves),
            _ => OfCache<TWeights, Pair<Pair<Pair<OneRow>>>, StoredInputs>(halves),
        };

    private static Delegate OfInputs<TWeights, TRows>(bool normed, bool halves)
        where TWeights : struct, IWeights
        where TRows : struct, IRowSums<TRows> =>
        normed ? OfCache<TWeights, TRows, NormedInputs>(halves) : OfCache<TWeights, TRows, StoredInputs>(halves);

    private static Delegate OfCache<TWeights, TRows, TInputs>(bool halves)
        where TWeights : struct, IWeights
        where TRows : struct, IRowSums<TRows>
        where TInputs : struct, IFusedInputs
    {
        if (halves)
        {
            return FusedGemv.Linear<TWeights, TRows, TInputs, F16Numbers, Word2>;
        }

        return FusedGemv.Linear<TWeights, TRows, TInputs, F32Numbers, Float4>;
    }
}
