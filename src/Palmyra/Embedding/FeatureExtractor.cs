using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Models;

namespace Palmyra.Embedding;

/// <summary>The hidden states of texts, at any layer: transformers' <c>output_hidden_states</c> and its feature-extraction pipeline.</summary>
/// <remarks>
/// Texts of any lengths run together in ragged batches, without padding; what one yields does not depend on the others. While a batch
/// runs, it holds a lock on the backend object, as <see cref="Generation.Generator"/> does.
/// </remarks>
public sealed class FeatureExtractor : IDisposable
{
    /// <summary>Tokens that run together unless stated.</summary>
    public const int DefaultRowBudget = 1024;

    private readonly Transformer _model;
    private readonly Workspace _rows;
    private readonly int _rowBudget;

    /// <summary>Makes an extractor for a model; it owns its working memory, not the model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rowBudget">Tokens that run together; a longer text runs by itself.</param>
    public FeatureExtractor(Transformer model, int rowBudget = DefaultRowBudget)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowBudget);
        _model = model;
        _rowBudget = rowBudget;
        _rows = new Workspace(model.Backend, model.Config);
    }

    /// <summary>Extracts the hidden states of every token.</summary>
    /// <param name="texts">Token ids, at least one each and no more than the context.</param>
    /// <param name="layer">0: embedding output; i: input of block i; L or null: the last norm's output, as transformers reports them.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>For each text [length, C], row-major, in the order given.</returns>
    /// <exception cref="GenerationException">A text is empty or too long, an id is outside the vocabulary, or there is no such layer.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public float[][] Extract(IReadOnlyList<IReadOnlyList<int>> texts, int? layer = null, CancellationToken cancellation = default)
    {
        int wanted = layer ?? _model.Config.Layers;
        if (wanted < 0 || wanted > _model.Config.Layers)
        {
            throw new GenerationException($"The layer was expected to be 0 to {_model.Config.Layers}; found {wanted}.");
        }

        for (int i = 0; i < texts.Count; i++)
        {
            Check(i, texts[i]);
        }

        var features = new float[texts.Count][];
        var batch = new Batch();
        for (int first = 0; first < texts.Count;)
        {
            cancellation.ThrowIfCancellationRequested();
            batch.Clear();
            int next = first;
            do
            {
                batch.Add([.. texts[next]], past: 0, pages: []);
                next++;
            }
            while (next < texts.Count && batch.Rows + texts[next].Count <= _rowBudget);

            float[] states = Run(batch, wanted);
            for (int at = 0; first < next; first++)
            {
                int length = texts[first].Count * _model.Config.Width;
                features[first] = states.AsSpan(at, length).ToArray();
                at += length;
            }
        }

        return features;
    }

    /// <summary>Gives the working memory back.</summary>
    public void Dispose()
    {
        lock (_model.Backend)
        {
            _rows.Dispose();
        }
    }

    private float[] Run(Batch batch, int wanted)
    {
        var states = new float[batch.Rows * _model.Config.Width];
        lock (_model.Backend)
        {
            PreparedBatch prepared = _model.Backend.Prepare(batch, reuse: null);
            _model.Forward(prepared, cache: null, _rows, observe: (layer, rows) =>
            {
                if (layer == wanted)
                {
                    _model.Backend.Read(rows, states);
                }
            });
        }

        return states;
    }

    private void Check(int number, IReadOnlyList<int> text)
    {
        if (text.Count == 0)
        {
            throw new GenerationException($"Text {number} is empty; hidden states need at least one token, such as the model's bos token.");
        }

        if (text.Count > _model.Config.ContextLength)
        {
            throw new GenerationException(
                $"Text {number} has {text.Count} tokens, more than the model's context of {_model.Config.ContextLength}; "
                    + "shorten it or cut it into parts.");
        }

        foreach (int id in text)
        {
            if ((uint)id >= (uint)_model.Config.VocabularySize)
            {
                throw new GenerationException(
                    $"Text {number} holds token {id}, outside the vocabulary of {_model.Config.VocabularySize}; "
                        + "is the tokenizer that of this model?");
            }
        }
    }
}
