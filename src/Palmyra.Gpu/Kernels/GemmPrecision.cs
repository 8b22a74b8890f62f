namespace Palmyra.Gpu.Kernels;

/// <summary>How exactly a GEMM, and attention of many rows, multiplies; sums are 32-bit floats either way.</summary>
internal enum GemmPrecision
{
    /// <summary>Inputs are rounded to 16 bits: an error of up to 2⁻⁸ of each (BF16 weights) or 2⁻¹¹ (all others, attention).</summary>
    Rounded,

    /// <summary>
    /// Inputs are two 16-bit numbers each: an error of up to 2⁻¹⁶ of a product (BF16 weights) or 2⁻²¹, at two or (Q8, Q4) three times the
    /// work. Attention multiplies 32-bit floats, on the ordinary cores.
    /// </summary>
    Exact,
}
