using Palmyra.Models;

namespace Palmyra.Embedding;

/// <summary>One vector for each text: hidden states of a layer, pooled, and of length one if wanted.</summary>
public sealed class TextEmbedder : IDisposable
{
    private readonly FeatureExtractor _extractor;
    private readonly int _width;

    /// <summary>Makes an embedder for a model; it owns its working memory, not the model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rowBudget">Tokens that run together; a longer text runs by itself.</param>
    public TextEmbedder(Transformer model, int rowBudget = FeatureExtractor.DefaultRowBudget)
    {
        _extractor = new FeatureExtractor(model, rowBudget);
        _width = model.Config.Width;
    }

    /// <summary>Embeds texts.</summary>
    /// <param name="texts">Token ids, at least one each and no more than the context.</param>
    /// <param name="pooling">How a text's hidden states become one vector.</param>
    /// <param name="normalize">Whether vectors are divided by their Euclidean length; a zero vector stays zero.</param>
    /// <param name="layer">0 to L as in <see cref="FeatureExtractor.Extract"/>; the last norm's output if null.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>For each text C numbers, in the order given.</returns>
    /// <exception cref="Diagnostics.GenerationException">A text is empty or too long, an id is outside the vocabulary, or there is no such
    /// layer.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public float[][] Embed(
        IReadOnlyList<IReadOnlyList<int>> texts,
        Pooling pooling = Pooling.Mean,
        bool normalize = false,
        int? layer = null,
        CancellationToken cancellation = default) =>
        [.. _extractor.Extract(texts, layer, cancellation).Select(states => Pool(states, _width, pooling, normalize))];

    /// <summary>Gives the working memory back.</summary>
    public void Dispose() => _extractor.Dispose();

    /// <summary>Pools [n, width] hidden states to one vector, summing in double precision.</summary>
    internal static float[] Pool(ReadOnlySpan<float> states, int width, Pooling pooling, bool normalize)
    {
        int rows = states.Length / width;
        var sums = new double[width];
        double total = 0;
        for (int row = 0; row < rows; row++)
        {
            double weight = pooling switch
            {
                Pooling.Mean => 1,
                Pooling.LastToken => row == rows - 1 ? 1 : 0,
                Pooling.PositionWeightedMean => row + 1,
                _ => throw new ArgumentOutOfRangeException(nameof(pooling)),
            };
            total += weight;
            for (int c = 0; c < width && weight > 0; c++)
            {
                sums[c] += weight * states[(row * width) + c];
            }
        }

        double length = normalize ? Math.Sqrt(sums.Sum(sum => sum / total * (sum / total))) : 1;
        double divisor = total * (length > 0 ? length : 1);
        return [.. sums.Select(sum => (float)(sum / divisor))];
    }
}
