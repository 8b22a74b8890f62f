using Palmyra.Backends;

namespace Palmyra.Gpu.Kernels;

/// <summary>What a GEMM multiplies: y[rows, outputs] = x[rows, inputs]·w[outputs, inputs]ᵀ.</summary>
/// <param name="Format">How w is stored; not F32.</param>
/// <param name="Rows">Rows of x and y.</param>
/// <param name="Outputs">Rows of w.</param>
/// <param name="Inputs">Columns of x and w.</param>
/// <param name="Precision">How exactly.</param>
internal readonly record struct GemmShape(MatrixFormat Format, int Rows, int Outputs, int Inputs, GemmPrecision Precision)
{
    /// <summary>Times the inputs are run over; see <see cref="GemmTensorCores"/>.</summary>
    public int Passes => Precision == GemmPrecision.Rounded ? 1 : Format is MatrixFormat.Q8 or MatrixFormat.Q4 ? 3 : 2;

    /// <summary>16-bit numbers that an input becomes.</summary>
    public int Parts => Math.Min(Passes, 2);
}
