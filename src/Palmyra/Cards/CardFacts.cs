using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Reports;
using Palmyra.Models;
using Palmyra.Tokenization;

namespace Palmyra.Cards;

/// <summary>All a model card can say. What its files do not tell is null or empty, and the card calls it unknown.</summary>
public sealed record CardFacts
{
    /// <summary>What the model is called: an id, or the name of its folder.</summary>
    public required string Name { get; init; }

    /// <summary>The hyper-parameters.</summary>
    public required ModelConfig Config { get; init; }

    /// <summary>The card's heading; the name if null.</summary>
    public string? Title { get; init; }

    /// <summary>The licence, by the short name the hub has for it: "mit".</summary>
    public string? License { get; init; }

    /// <summary>The languages of its text, by their codes: "en".</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];

    /// <summary>What it was trained on: ids on the hub, or names.</summary>
    public IReadOnlyList<string> Datasets { get; init; } = [];

    /// <summary>The head of the card there was. What it says under keys that this card does not write is kept.</summary>
    public FrontMatter Head { get; init; } = FrontMatter.Empty;

    /// <summary>Tags of the card there was; the family's is added to them.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Tokens D it was trained on.</summary>
    public double? TrainingTokens { get; init; }

    /// <summary>Who says so, for the card.</summary>
    public string? TrainingTokensSource { get; init; }

    /// <summary>Whether everybody can have its weights.</summary>
    public bool? IsPublic { get; init; }

    /// <summary>The size of the text it was trained on, in GB of 10⁹ bytes.</summary>
    public double? DatasetGigabytes { get; init; }

    /// <summary>What transformers' Trainer recorded; null if the folder has no record.</summary>
    public TrainerState? Trainer { get; init; }

    /// <summary>The tokenizer; null if the folder has none.</summary>
    public CardTokenizer? Tokenizer { get; init; }

    /// <summary>How text becomes words, where the tokenizer's files do not say: a regular expression in .NET's syntax.</summary>
    public string? SplitPattern { get; init; }

    /// <summary>The number types of the stored tensors; none where there are no weights.</summary>
    public IReadOnlyList<string> StoredTypes { get; init; } = [];

    /// <summary>The folder's files, the card itself left out.</summary>
    public IReadOnlyList<CardFile> Files { get; init; } = [];

    /// <summary>Tells these weights from others of the same name; null if it was not computed.</summary>
    /// <remarks>What <see cref="Evaluation.Scoring.ModelDescription.Digest"/> is in results.</remarks>
    public string? Digest { get; init; }

    /// <summary>What was measured of this model.</summary>
    public IReadOnlyList<ModelResults> Results { get; init; } = [];

    /// <summary>Gathers what a model's folder says about itself: its configuration, tokenizer, tensors, trainer's record and README.md's head.</summary>
    /// <param name="checkpoint">The folder; weights need not be there.</param>
    /// <exception cref="CheckpointException">The weights or the trainer's record are damaged.</exception>
    /// <exception cref="ModelConfigException">The configuration is.</exception>
    /// <exception cref="TokenizationException">The tokenizer is.</exception>
    public static CardFacts Read(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ModelConfig config = ModelConfigReader.ReadFile(checkpoint.ConfigPath);
        FrontMatter head = FrontMatter.Read(checkpoint.Folder);
        TrainerState? trainer = TrainerState.Read(checkpoint.Folder);
        IReadOnlyList<string> types = checkpoint.HasWeights
            ? new CheckpointWeights(config, checkpoint.Tensors, checkpoint.Folder).StoredTypes
            : [];
        return new CardFacts
        {
            Name = checkpoint.Name,
            Config = config,
            Head = head,
            License = head.Text("license"),
            Languages = head.List("language"),
            Datasets = head.List("datasets"),
            Tags = head.List("tags"),
            TrainingTokens = head.TrainingTokens ?? trainer?.Tokens,
            TrainingTokensSource = head.TrainingTokens is not null ? $"{FrontMatter.TrainingTokensKey} in the head of {FrontMatter.FileName}"
                : trainer?.Tokens is not null ? $"{TrainerState.FileName}, padding included" : null,
            IsPublic = head.IsPublic,
            DatasetGigabytes = head.DatasetGigabytes,
            Trainer = trainer,
            Tokenizer = TokenizerFolder.HasVocabulary(checkpoint.Folder) ? CardTokenizer.Of(GptTokenizer.Open(checkpoint.Folder)) : null,
            StoredTypes = types,
            Digest = checkpoint.HasWeights ? CheckpointDigest.Compute(checkpoint.Folder, checkpoint.WeightFiles) : null,
            Files = FilesOf(checkpoint.Folder),
        };
    }

    /// <summary>Adds what a report says about this model: of its digest where both have one, else of its name.</summary>
    /// <param name="report">The report, which may be about other models too.</param>
    /// <param name="where">What to call it in messages: the file's path.</param>
    /// <exception cref="EvaluationException">It says nothing about this model.</exception>
    public CardFacts WithResults(EvaluationReport report, string where)
    {
        ArgumentNullException.ThrowIfNull(report);
        ModelResults[] mine = [.. report.Models.Where(results => Digest is not null && results.Model.Digest is string digest
            ? digest == Digest
            : results.Model.Name == Name)];
        if (mine.Length == 0)
        {
            string found = report.Models.Count == 0 ? "no model" : string.Join(", ", report.Models.Take(5).Select(results => results.Model.Name));
            bool others = report.Models.Any(results => results.Model.Name == Name);
            throw new EvaluationException(others
                ? $"{where}: its results of '{Name}' are those of other weights than the folder has now; measure the model again."
                : $"{where}: results of '{Name}' were expected; found {found}.");
        }

        return this with { Results = [.. Results, .. mine] };
    }

    private static IReadOnlyList<CardFile> FilesOf(string folder)
    {
        var files = new List<CardFile>();
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            // A cache's folder holds links; what counts is what they lead to.
            FileInfo target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            if (target.Exists && file.Name[0] != '.' && file.Name != FrontMatter.FileName)
            {
                files.Add(new CardFile(file.Name, target.Length));
            }
        }

        return files;
    }
}
