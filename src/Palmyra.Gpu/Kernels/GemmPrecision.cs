namespace Palmyra.Gpu.Kernels;

/// <summary>How exactly a GEMM on tensor cores multiplies; sums are 32-bit floats either way.</summary>
internal enum GemmPrecision
{
    /// <summary>Inputs are rounded to 16 bits: an error of up to 2⁻⁸ of each (BF16 weights) or 2⁻¹¹ (all others).</summary>
    Rounded,

    /// <summary>
    /// Inputs are two 16-bit numbers each: an error of up to 2⁻¹⁶ of a product (BF16 weights) or 2⁻²¹, at two or (Q8, Q4) three times the
    /// work.
    /// </summary>
    Exact,
}
