using Palmyra.Backends;

namespace Palmyra.Models;

/// <summary>
/// The decoder, for GPT-2, GPT-Neo and GPT-J alike: this page is the whole graph. It calls a backend and knows neither which one nor how
/// weights are stored; the families differ by which weights exist and by the numbers of <see cref="ModelConfig"/>.
/// </summary>
/// <remarks>
/// GPT-2 (Radford et al. 2019): x += attention(norm₁(x)); x += feed-forward(norm₂(x)). GPT-Neo: the same with local windows and unscaled
/// scores. GPT-J: one norm, x += attention(norm₁(x)) + feed-forward(norm₁(x)), and rotary positions. The order of operations is that of
/// transformers' modelling files.
/// </remarks>
public sealed class Transformer : IDisposable
{
    private readonly AttentionShape[] _shapes;

    /// <summary>Joins a configuration with its weights on a backend; the weights are disposed with this object, the backend is not.</summary>
    public Transformer(ModelConfig config, TransformerWeights weights, IBackend backend)
    {
        Config = config;
        Weights = weights;
        Backend = backend;
        _shapes = [.. Enumerable.Range(0, config.Layers).Select(config.AttentionShape)];
    }

    /// <summary>The hyper-parameters.</summary>
    public ModelConfig Config { get; }

    /// <summary>The weights.</summary>
    public TransformerWeights Weights { get; }

    /// <summary>Where it runs.</summary>
    public IBackend Backend { get; }

    /// <summary>Runs the layers over the batch's rows.</summary>
    /// <param name="batch">The rows; R of them.</param>
    /// <param name="cache">Holds each sequence's earlier tokens and takes the new ones; null for a single pass without past.</param>
    /// <param name="rows">The workspace; the result lies in it until its next use.</param>
    /// <param name="attentionWindow">Lets a query see at most this many tokens in every layer; 0 leaves the model's own windows alone.</param>
    /// <param name="observe">Sees the hidden states transformers reports: (0, embedding output), (i, input of layer i), (L, result).</param>
    /// <returns>[R, C]: the last norm's output.</returns>
    public Tensor Forward(PreparedBatch batch, KvCache? cache, Workspace rows, int attentionWindow = 0, Action<int, Tensor>? observe = null)
    {
        rows.Fit(batch.Source.Rows);
        Tensor x = rows.Residual;
        Backend.Embed(x, Weights.Tokens, Weights.Positions, batch);
        for (int layer = 0; layer < Config.Layers; layer++)
        {
            observe?.Invoke(layer, x);
            Block block = Weights.Blocks[layer];
            AttentionShape shape = Narrow(_shapes[layer], attentionWindow);

            Backend.LayerNorm(rows.Normed, x, block.Norm1Gain, block.Norm1Bias, Config.LayerNormEpsilon, stats: null);
            Backend.Linear(rows.Qkv, rows.Normed, block.Qkv, block.QkvBias, Activation.None, residual: null);
            if (Config.RotaryDims > 0)
            {
                Backend.Rotate(rows.Qkv, batch, shape, Config.RotaryDims);
            }

            if (cache is not null)
            {
                Backend.StoreKeysValues(cache, layer, rows.Qkv, batch);
            }

            Backend.Attend(rows.Attended, rows.Qkv, cache, layer, batch, shape, logSum: null);
            Tensor afterAttention = rows.NextResidual(x);
            Backend.Linear(afterAttention, rows.Attended, block.Out, block.OutBias, Activation.None, residual: x);

            // Without a second norm (GPT-J) the feed-forward layers read the first one's output, which is still there.
            if (block.Norm2Gain is not null)
            {
                Backend.LayerNorm(rows.Normed, afterAttention, block.Norm2Gain, block.Norm2Bias!, Config.LayerNormEpsilon, stats: null);
            }

            Backend.Linear(rows.Hidden, rows.Normed, block.Up, block.UpBias, Config.Activation, residual: null);
            x = rows.NextResidual(afterAttention);
            Backend.Linear(x, rows.Hidden, block.Down, block.DownBias, Activation.None, residual: afterAttention);
        }

        Backend.LayerNorm(rows.Normed, x, Weights.NormGain, Weights.NormBias, Config.LayerNormEpsilon, stats: null);
        observe?.Invoke(Config.Layers, rows.Normed);
        return rows.Normed;
    }

    /// <summary>The logits of chosen rows.</summary>
    /// <param name="hidden">[R, C], from <see cref="Forward"/>.</param>
    /// <param name="selected">S row numbers.</param>
    /// <param name="rows">The workspace; the result lies in it until its next use.</param>
    /// <returns>[S, V].</returns>
    public Tensor Logits(Tensor hidden, ReadOnlySpan<int> selected, Workspace rows)
    {
        rows.FitSelected(selected.Length);
        Backend.GatherRows(rows.Selected, hidden, selected);
        Backend.Linear(rows.Logits, rows.Selected, Weights.Head, Weights.HeadBias, Activation.None, residual: null);
        return rows.Logits;
    }

    /// <summary>ln p(target) at chosen rows, and the most probable token there, without holding S x V logits.</summary>
    /// <param name="hidden">[R, C], from <see cref="Forward"/>.</param>
    /// <param name="selected">S row numbers.</param>
    /// <param name="targets">S token ids.</param>
    /// <param name="rows">The workspace; the results lie in it until its next use.</param>
    /// <param name="headBias">[1, V], takes the place of the head's own bias; null leaves that alone.</param>
    /// <returns>[S, 1] log-probabilities and [S, 1] best ids.</returns>
    public (Tensor LogProb, Tensor Best) Score(
        Tensor hidden, ReadOnlySpan<int> selected, ReadOnlySpan<int> targets, Workspace rows, Tensor? headBias = null)
    {
        rows.FitSelected(selected.Length);
        Backend.GatherRows(rows.Selected, hidden, selected);
        Backend.Score(rows.LogProb, rows.Best, rows.Selected, Weights.Head, headBias ?? Weights.HeadBias, targets);
        return (rows.LogProb, rows.Best);
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => Weights.Dispose();

    private static AttentionShape Narrow(AttentionShape shape, int window) =>
        window == 0 || (shape.Window != 0 && shape.Window <= window) ? shape : shape with { Window = window };
}
