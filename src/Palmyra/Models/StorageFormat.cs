using Palmyra.Backends;
using Palmyra.Quantization;

namespace Palmyra.Models;

/// <summary>Which matrices take the format that a model is asked for, and which another: the one home of that rule.</summary>
public static class StorageFormat
{
    /// <summary>The format of a matrix in a model of some format.</summary>
    /// <param name="role">What the matrix does.</param>
    /// <param name="format">The model's format; null for every matrix as it is stored.</param>
    /// <param name="stored">The format the matrix has now. Of position embeddings a model of integers keeps it: rows are only looked up, so
    /// that nothing would be gained.</param>
    public static MatrixFormat For(MatrixRole role, MatrixFormat? format, MatrixFormat stored) => (role, format) switch
    {
        (_, null) => stored,
        (MatrixRole.Positions, MatrixFormat.Q8 or MatrixFormat.Q4) => stored.IsGrouped() ? MatrixFormat.F32 : stored,
        _ => format.Value,
    };
}
