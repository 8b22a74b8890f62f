using Palmyra.Backends;

namespace Palmyra.Quantization;

/// <summary>What quantising a folder changed.</summary>
/// <param name="Format">The format asked for.</param>
/// <param name="BytesBefore">Bytes of the files the weights were read from.</param>
/// <param name="BytesAfter">Bytes of the files they were written to.</param>
/// <param name="Matrices">The error of every matrix that was packed, in the model's order.</param>
public sealed record QuantizationReport(MatrixFormat Format, long BytesBefore, long BytesAfter, IReadOnlyList<MatrixError> Matrices)
{
    /// <summary>The matrices' relative errors together: the root of the mean of their squares, each weighed by its number of elements.</summary>
    public double RelativeRms
    {
        get
        {
            double elements = Matrices.Sum(matrix => (double)matrix.Rows * matrix.Cols);
            double squares = Matrices.Sum(matrix => matrix.RelativeRms * matrix.RelativeRms * matrix.Rows * matrix.Cols);
            return elements == 0 ? 0 : Math.Sqrt(squares / elements);
        }
    }
}
