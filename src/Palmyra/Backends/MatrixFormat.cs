namespace Palmyra.Backends;

/// <summary>How a weight matrix is stored. Narrow to store, wide to compute: arithmetic is 32-bit float in every format.</summary>
public enum MatrixFormat
{
    /// <summary>32-bit float.</summary>
    F32,

    /// <summary>IEEE 16-bit float.</summary>
    F16,

    /// <summary>The upper 16 bits of a 32-bit float, rounded to nearest even.</summary>
    BF16,
}
