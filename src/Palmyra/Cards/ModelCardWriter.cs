using System.Text;
using Palmyra.Evaluation.Reports;
using Palmyra.Models;

namespace Palmyra.Cards;

/// <summary>Writes a model's README.md as the Hugging Face hub reads it: a head in YAML, then the card in Markdown.</summary>
/// <remarks>
/// No number is made up: each comes from the configuration, from a file of the folder, from the caller, from a measurement, or is computed
/// of those; the rest is called unknown. The same facts give the same bytes. Texts of files are shown, never interpreted.
/// </remarks>
public static class ModelCardWriter
{
    private const int MostFiles = 100;

    /// <summary>The card.</summary>
    /// <param name="facts">What is known.</param>
    public static string Write(CardFacts facts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        var text = new StringBuilder();
        CardHead.Append(text, facts);
        text.Append("\n# ").Append(Escaped.Markdown(facts.Title ?? facts.Name)).Append("\n\n");
        AppendDescription(text, facts);
        AppendHyperParameters(text, facts);
        TrainingSection.Append(text, facts);
        AppendEvaluation(text, facts);
        UsageSection.Append(text, facts);
        AppendFiles(text, facts);
        return text.ToString();
    }

    private static void AppendDescription(StringBuilder text, CardFacts facts)
    {
        var table = new HyperParameters(facts.Config);
        ModelConfig config = facts.Config;
        text.Append($"A language model of {table.FamilyTitle}'s architecture: {Count(table.Parameters)} parameters in {Layers(config)} of width ")
            .Append($"{Count(config.Width)}. It predicts the next token of a text from the tokens before it, of which it sees up to ")
            .Append($"{Count(config.ContextLength)}. ")
            .Append(facts.Tokenizer switch
            {
                null => "Its folder has no tokenizer. ",
                { } tokenizer => $"Its tokenizer is {tokenizer.Kind} with {Count(tokenizer.Tokens)} tokens. ",
            })
            .Append(facts.StoredTypes.Count > 0
                ? $"The weights are stored as {string.Join(" and ", facts.StoredTypes)}. "
                : "The folder holds no weights. ")
            .Append($"Language: {Known(facts.Languages)}. Licence: {Known(facts.License is string license ? [license] : [])}.\n\n");
        if (facts.Tokenizer is { Examples.Count: > 0 } words)
        {
            text.Append($"Its vocabulary, which shows what its text is made of, begins with {string.Join(' ', words.Examples.Where(word => Escaped.Line(word).Length > 0).Select(Code))}")
                .Append(words.Tokens > words.Examples.Count ? " …\n\n" : "\n\n");
        }

        text.Append("Numbers on this card come from the model's files, its author or a measurement, or are computed from those; what nobody stated is called unknown.\n");
    }

    private static void AppendHyperParameters(StringBuilder text, CardFacts facts)
    {
        var table = new HyperParameters(facts.Config);

        // The count over shards is told of the one model that was published with it; another GPT-J may have been trained on one device.
        bool isGptJ = facts.Config.Family == ModelFamily.GptJ
            && ModelPresets.All.Any(preset => new HyperParameters(preset).Rows.SequenceEqual(table.Rows));
        bool hasSpareRows = facts.Tokenizer is { } tokenizer && tokenizer.Tokens < facts.Config.VocabularySize;
        text.Append("\n## Hyper-parameters\n\n");
        MarkdownTable.Write(text, ["hyper-parameter", MarkdownTable.Right + "value"], table.Rows
            .Where(row => row.Name != "family")
            .Select(row => new[]
            {
                row.Name,
                row.Value + (row.Name == "n_parameters" && isGptJ ? " \\*" : row.Name == "n_vocab" && hasSpareRows ? " †" : string.Empty),
            }));
        if (isGptJ)
        {
            text.Append($"\n\\* Trained over {HyperParameters.CardShards} shards by mesh-transformer-jax it counts ")
                .Append(Count(new ModelSize(facts.Config).ShardedParameters(HyperParameters.CardShards)!.Value))
                .Append(", the number that EleutherAI's card prints: each shard keeps copies of norms and biases, which the checkpoint merges.\n");
        }

        if (hasSpareRows)
        {
            text.Append($"\n† The embedding has {Count(facts.Config.VocabularySize)} rows; the tokenizer uses {Count(facts.Tokenizer!.Tokens)} of them.\n");
        }
    }

    private static void AppendEvaluation(StringBuilder text, CardFacts facts)
    {
        text.Append("\n## Evaluation\n\n");
        if (facts.Results.Count == 0)
        {
            text.Append("Nothing was measured for this card. `palmyra eval` measures a model, and `palmyra card --results FILE` puts its numbers here.\n");
            return;
        }

        var report = new EvaluationReport([.. facts.Results.Select(results => results with
        {
            // The operations have a table of their own in the section on training.
            Model = results.Model with
            {
                Parameters = new ModelSize(facts.Config).Parameters,
                TrainingTokens = facts.TrainingTokens ?? results.Model.TrainingTokens,
                IsPublic = facts.IsPublic ?? results.Model.IsPublic,
                DatasetGigabytes = facts.DatasetGigabytes ?? results.Model.DatasetGigabytes,
                TrainingFlopsPerToken = new Dictionary<string, double>(),
            },
        })]);
        text.Append(ReportTable.Card(report)).Append("\nEach number with its standard error and how it came about:\n\n").Append(ReportTable.Full(report));
    }

    private static void AppendFiles(StringBuilder text, CardFacts facts)
    {
        if (facts.Files.Count == 0)
        {
            return;
        }

        text.Append("\n## Files\n\n");
        string[][] rows = [.. facts.Files.Take(MostFiles).Select(file => new[] { Escaped.Markdown(file.Name), Count(file.Bytes) })];
        MarkdownTable.Write(text, ["file", MarkdownTable.Right + "bytes"], rows);
        if (facts.Files.Count > MostFiles)
        {
            text.Append($"\nand {Count(facts.Files.Count - MostFiles)} more.\n");
        }
    }

    internal static string Known(IReadOnlyList<string> values) =>
        values.Count == 0 ? ReportNumber.Unknown : string.Join(", ", values.Select(Escaped.Markdown));

    private static string Count(long value) => ReportNumber.Count(value);

    private static string Layers(ModelConfig config) => config.Layers == 1 ? "one layer" : $"{Count(config.Layers)} layers";

    /// <summary>A text as it is, in a span of code: as many backticks around it as it cannot hold itself.</summary>
    private static string Code(string word)
    {
        string line = Escaped.Cut(word, 40);
        string fence = new('`', 1 + line.Split(line.Where(letter => letter != '`').Distinct().ToArray()).Max(run => run.Length));
        return fence.Length == 1 ? $"`{line}`" : $"{fence} {line} {fence}";
    }
}
