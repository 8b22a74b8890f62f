namespace Palmyra.Evaluation.Scoring;

/// <summary>What a report says about the model it is about. Whatever is not known is null; nothing is guessed.</summary>
public sealed record ModelDescription
{
    /// <summary>The model's name: an id, or the name of its folder.</summary>
    public required string Name { get; init; }

    /// <summary>Where it ran, as far as answers depend on it: "cpu, F16 weights", or an API's address without its key.</summary>
    public required string Where { get; init; }

    /// <summary>What computed, for the facts of a run: "cpu (AVX-512, 2 threads)"; null for an API.</summary>
    public string? On { get; init; }

    /// <summary>What else answers depend on: how text is split, an API's dialect; null for nothing of note.</summary>
    public string? Settings { get; init; }

    /// <summary>Tells one set of weights from another, so that a journal of another model is not continued.</summary>
    public string? Digest { get; init; }

    /// <summary>How its matrices are stored: "f16"; null where that is not known.</summary>
    public string? Weights { get; init; }

    /// <summary>All parameters N.</summary>
    public long? Parameters { get; init; }

    /// <summary>Training FLOPs a token by formula's name ("6ND", ...); empty where the shape is not known.</summary>
    public IReadOnlyDictionary<string, double> TrainingFlopsPerToken { get; init; } = new Dictionary<string, double>();

    /// <summary>Tokens D it was trained on.</summary>
    public double? TrainingTokens { get; init; }

    /// <summary>Whether everybody can have its weights.</summary>
    public bool? IsPublic { get; init; }

    /// <summary>The size of the text it was trained on, in GB of 10⁹ bytes.</summary>
    public double? DatasetGigabytes { get; init; }
}
