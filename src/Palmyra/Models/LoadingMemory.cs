using Palmyra.Backends;
using Palmyra.Quantization;

namespace Palmyra.Models;

/// <summary>What opening a checkpoint on the cpu backend takes, computed from the shapes and types of its tensors; no weight is read.</summary>
/// <param name="Mapped">Bytes of the tensors that are read, in mapped files. The system may drop such pages when it needs them.</param>
/// <param name="InPlace">Those of them that are used where they lie for as long as the model is open: matrices packed in the wanted format.</param>
/// <param name="Copied">Bytes of the matrices that are converted, and of gains and biases.</param>
public sealed record LoadingMemory(long Mapped, long InPlace, long Copied)
{
    /// <summary>The most bytes while loading: everything mapped, and the copies.</summary>
    public long Peak => Mapped + Copied;

    /// <summary>The bytes that stay in use once the model is open.</summary>
    public long Resident => InPlace + Copied;

    /// <summary>Computes it for a checkpoint.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="weights">The checkpoint's tensors.</param>
    /// <param name="format">How matrices are to be stored, by <see cref="StorageFormat"/>; as the checkpoint has them if null.</param>
    public static LoadingMemory Of(ModelConfig config, CheckpointWeights weights, MatrixFormat? format)
    {
        var map = new WeightMap(config);
        long inPlace = 0;
        long copied = map.Vectors.Sum(entry => entry.Count * sizeof(float));
        foreach (MatrixEntries matrix in map.Matrices)
        {
            MatrixFormat stored = weights.StoredFormat(matrix);
            MatrixFormat target = StorageFormat.For(matrix.Role, format, stored);
            long bytes = ModelSize.MatrixBytes(target, matrix.Rows, matrix.Cols);
            if (target == stored && target.IsGrouped())
            {
                inPlace += bytes;
            }
            else
            {
                copied += bytes;
            }
        }

        return new LoadingMemory(weights.Bytes, inPlace, copied);
    }
}
