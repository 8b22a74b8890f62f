namespace Palmyra.Models;

/// <summary>Floating-point operations a token costs, by each formula the literature uses; a multiply and an add are two.</summary>
/// <remarks>None of them halves attention for causality. "Per token" means averaged over a sequence of the length given.</remarks>
public sealed class FlopCount
{
    private readonly double _layers, _width, _hidden, _vocabulary, _length, _heads;

    /// <summary>Prepares the formulas for a model and a sequence length.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="sequenceLength">Tokens s of a sequence; the model's context unless given.</param>
    public FlopCount(ModelConfig config, int? sequenceLength = null)
    {
        int length = sequenceLength ?? config.ContextLength;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length, nameof(sequenceLength));
        var size = new ModelSize(config);
        Parameters = size.Parameters;
        NonEmbeddingParameters = size.NonEmbeddingParameters;
        SequenceLength = length;
        (_layers, _width, _hidden, _vocabulary, _heads, _length) =
            (config.Layers, config.Width, config.HiddenWidth, config.VocabularySize, config.Heads, length);
    }

    /// <summary>All parameters N.</summary>
    public long Parameters { get; }

    /// <summary>Parameters outside the embeddings.</summary>
    public long NonEmbeddingParameters { get; }

    /// <summary>The sequence length s.</summary>
    public int SequenceLength { get; }

    /// <summary>2N: one token forward, attention's scores left out.</summary>
    public double Forward => 2.0 * Parameters;

    /// <summary>6N: one token forward and backward; the GPT-J card's column is 6·N·D.</summary>
    public double Training => 6.0 * Parameters;

    /// <summary>2N' + 2·L·s·C forward, N' without embeddings (Kaplan et al. 2020, table 1).</summary>
    public double KaplanForward => (2.0 * NonEmbeddingParameters) + (2 * _layers * _length * _width);

    /// <summary>6N', N' without embeddings (Kaplan et al. 2020, C ≈ 6ND).</summary>
    public double KaplanTraining => 6.0 * NonEmbeddingParameters;

    /// <summary>6N + 12·L·H·D·s (PaLM, Chowdhery et al. 2022, appendix B): the denominator of model FLOPs utilisation.</summary>
    public double PalmTraining => (6.0 * Parameters) + (12 * _layers * _width * _length);

    /// <summary>Three times the forward sum of Hoffmann et al. 2022, appendix F (Chinchilla), embedding and logits included.</summary>
    public double ChinchillaTraining
    {
        get
        {
            double embedding = 2 * _length * _vocabulary * _width;
            double projections = 6 * _length * _width * _width;
            double scores = 2 * _length * _length * _width;
            double softmax = 3 * _heads * _length * _length;
            double reduction = 2 * _length * _length * _width;
            double output = 2 * _length * _width * _width;
            double dense = 4 * _length * _width * _hidden;
            double logits = 2 * _length * _width * _vocabulary;
            double forward = embedding + (_layers * (projections + scores + softmax + reduction + output + dense)) + logits;
            return 3 * forward / _length;
        }
    }

    /// <summary>72·L·C²·(1 + s/(6C) + V/(12·L·C)) (Narayanan et al. 2021, arXiv:2104.04473), nothing recomputed.</summary>
    /// <remarks>The formula takes the hidden width as 4·C.</remarks>
    public double NarayananTraining =>
        72 * _layers * _width * _width * (1 + (_length / (6 * _width)) + (_vocabulary / (12 * _layers * _width)));

    /// <summary>96·L·C²·(1 + s/(6C) + V/(16·L·C)) (Narayanan et al. 2021, arXiv:2104.04473), every layer's forward pass run twice.</summary>
    /// <remarks>The formula takes the hidden width as 4·C.</remarks>
    public double NarayananTrainingRecomputed =>
        96 * _layers * _width * _width * (1 + (_length / (6 * _width)) + (_vocabulary / (16 * _layers * _width)));

    /// <summary>Training a token by each formula, under the short names that tables and reports use.</summary>
    public IReadOnlyList<(string Name, double Value)> TrainingFormulas =>
    [
        ("6ND", Training),
        ("Kaplan", KaplanTraining),
        ("PaLM", PalmTraining),
        ("Chinchilla", ChinchillaTraining),
        ("Narayanan", NarayananTraining),
        ("Narayanan, recomputed", NarayananTrainingRecomputed),
    ];
}
