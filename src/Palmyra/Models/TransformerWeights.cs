using Palmyra.Backends;

namespace Palmyra.Models;

/// <summary>All weights of a model on a backend.</summary>
/// <param name="Tokens">Token embedding [V, C].</param>
/// <param name="Positions">Position embedding [T, C]; null where positions enter by rotation.</param>
/// <param name="Blocks">The layers.</param>
/// <param name="NormGain">[1, C] of the last norm.</param>
/// <param name="NormBias">[1, C] of the last norm.</param>
/// <param name="Head">[V, C]; the same object as <paramref name="Tokens"/> when tied.</param>
/// <param name="HeadBias">[1, V]; GPT-J only.</param>
public sealed record TransformerWeights(
    Matrix Tokens,
    Matrix? Positions,
    IReadOnlyList<Block> Blocks,
    Tensor NormGain,
    Tensor NormBias,
    Matrix Head,
    Tensor? HeadBias) : IDisposable
{
    /// <summary>Every matrix, once.</summary>
    public IEnumerable<Matrix> Matrices =>
        Blocks.SelectMany(block => new[] { block.Qkv, block.Out, block.Up, block.Down })
            .Concat(new[] { Tokens, Positions, Head }.OfType<Matrix>())
            .Distinct();

    /// <summary>Every vector: gains and biases.</summary>
    public IEnumerable<Tensor> Vectors =>
        Blocks.SelectMany(block => new[]
            {
                block.Norm1Gain, block.Norm1Bias, block.QkvBias, block.OutBias, block.Norm2Gain, block.Norm2Bias, block.UpBias, block.DownBias,
            })
            .Concat([NormGain, NormBias, HeadBias])
            .OfType<Tensor>();

    /// <summary>Bytes the weights occupy on the backend.</summary>
    public long Bytes => Matrices.Sum(matrix => matrix.Bytes) + Vectors.Sum(vector => (long)vector.Cols * sizeof(float));

    /// <summary>Gives all of them back.</summary>
    public void Dispose()
    {
        foreach (Matrix matrix in Matrices)
        {
            matrix.Dispose();
        }

        foreach (Tensor vector in Vectors)
        {
            vector.Dispose();
        }
    }
}
