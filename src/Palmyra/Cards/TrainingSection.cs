using System.Text;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Reports;
using Palmyra.Models;

namespace Palmyra.Cards;

/// <summary>The card's section on training: what files and author say, and the operations that follow from it.</summary>
internal static class TrainingSection
{
    private const string Nobody = "–";

    public static void Append(StringBuilder text, CardFacts facts)
    {
        text.Append("\n## Training\n\n");
        var flops = new FlopCount(facts.Config);
        List<string[]> rows =
        [
            ["training text", ModelCardWriter.Known(facts.Datasets), facts.Datasets.Count > 0 ? "the author" : Nobody],
            ["training tokens D", facts.TrainingTokens is double read ? Tokens(read) : ReportNumber.Unknown, facts.TrainingTokensSource ?? Nobody],
            facts.TrainingTokens is double tokens
                ? ["training FLOPs, 6·N·D", ReportNumber.Flops(flops.Training * tokens), "computed; N is all parameters"]
                : ["training FLOPs, 6·N·D", ReportNumber.Unknown, Nobody],
        ];
        if (facts.DatasetGigabytes is double size)
        {
            rows.Insert(1, ["size of the training text, GB", ReportNumber.Significant(size), "the author"]);
        }

        if (facts.Trainer is TrainerState trainer)
        {
            rows.AddRange(Recorded(trainer));
        }

        MarkdownTable.Write(text, ["what", MarkdownTable.Right + "value", "who says so"], rows);
        if (facts.TrainingTokens is double trained)
        {
            text.Append($"\nTraining FLOPs by the formulas in use, in sequences of {ReportNumber.Count(flops.SequenceLength)} tokens:\n\n");
            MarkdownTable.Write(
                text,
                ["formula", MarkdownTable.Right + "FLOPs", "what it counts"],
                flops.TrainingFormulas.Select(formula => new[] { formula.Name, ReportNumber.FlopsInFull(formula.Value * trained), Counts(formula.Name) }));
        }
    }

    private static IEnumerable<string[]> Recorded(TrainerState trainer)
    {
        if (trainer.Steps is long steps)
        {
            yield return Row("optimiser steps", ReportNumber.Count(steps));
        }

        if (trainer.Epochs is double epochs)
        {
            yield return Row("passes over the text", ReportNumber.Significant(epochs));
        }

        if (trainer.BatchSize is long batch)
        {
            yield return Row("batch of a device, sequences", ReportNumber.Count(batch));
        }

        if (trainer.EvaluationLoss is double loss)
        {
            var perplexity = new MetricValue("token_perplexity", Math.Exp(loss), null);
            yield return Row(
                "last evaluation loss, nats a token", ReportNumber.Fixed(loss, 4), $"; that is a perplexity of {ReportNumber.Value(perplexity)} a token");
        }

        if (trainer.Flops is double counted)
        {
            yield return Row("FLOPs as the Trainer counted them", ReportNumber.FlopsInFull(counted), "; padding included, embeddings left out");
        }
    }

    private static string[] Row(string name, string value, string remark = "") => [name, value, TrainerState.FileName + remark];

    private static string Counts(string formula) => formula switch
    {
        "6ND" => "all parameters; the column of GPT-J's card",
        "Kaplan" => "parameters outside the embeddings",
        "PaLM" => "all parameters, and attention's scores",
        "Chinchilla" => "every product, the embedding's included",
        "Narayanan" => "every product, the embedding's lookup left out",
        "Narayanan, recomputed" => "the same with every layer's forward pass run twice",
        _ => string.Empty,
    };

    private static string Tokens(double tokens) => tokens < 1e15 ? ReportNumber.Count(tokens) : ReportNumber.FlopsInFull(tokens);
}
