namespace Palmyra.Backends;

/// <summary>How a weight matrix is stored. Narrow to store, wide to compute: sums are 32-bit float;
/// inside a group of Q8 or Q4 the CPU's are integers, over inputs rounded to 16 and 8 bits.</summary>
public enum MatrixFormat
{
    /// <summary>32-bit float.</summary>
    F32,

    /// <summary>IEEE 16-bit float.</summary>
    F16,

    /// <summary>The upper 16 bits of a 32-bit float, rounded to nearest even.</summary>
    BF16,

    /// <summary>Groups of 32 numbers of a row as 8-bit integers and one 16-bit float they are multiplied by: the numbers of ggml's Q8_0.</summary>
    Q8,

    /// <summary>Groups of 32 numbers of a row as 4-bit integers and one 16-bit float they are multiplied by: the numbers of ggml's Q4_0.</summary>
    Q4,
}
