using System.CommandLine;
using System.Text;
using System.Text.Json;
using Palmyra.Cards;
using Palmyra.Checkpoints;
using Palmyra.Evaluation.Reports;
using Palmyra.Models;
using Palmyra.Storyteller;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra card</c>: a model's README.md for the Hugging Face hub, of what its folder says and what was measured; no weight is loaded.</summary>
internal static class CardCommand
{
    public static Command Create()
    {
        var model = new Argument<string?>("MODEL")
        {
            Description = "A model's folder, or its id in the local Hugging Face cache; the storyteller by default.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        CommandOption.RequireText(model);
        var title = CommandOption.Value<string?>("--title", "The card's heading; the model's name by default.", "TEXT");
        var license = CommandOption.Value<string?>("--license", "The licence, as the hub names it (mit, apache-2.0).", "ID");
        var language = CommandOption.Value<string[]>("--language", "A language of its text, by its code; may be repeated.", "CODE");
        var dataset = CommandOption.Value<string[]>("--dataset", "What it was trained on; may be repeated.", "NAME");
        var tokens = CommandOption.Value<double?>("--train-tokens", "Tokens it was trained on; training FLOPs follow from them.", "N");
        var split = new ModelOptions().SplitRegex;
        var results = CommandOption.Value<string[]>("--results", "Results of 'palmyra eval' (a JSON file); may be repeated.", "FILE");
        var output = CommandOption.Value<string?>("--output", "Write the card to this file instead of standard output.", "FILE");
        var force = CommandOption.Flag("--force", "Replace the file of --output if it exists, its text included; of the head of the model's own README.md, what the card does not say itself stays.");
        var json = CommandOption.Json("Write what the card is made of as JSON.");
        foreach (Option option in new Option[] { title, license, language, dataset })
        {
            CommandOption.RequireText(option, "a text");
        }

        CommandOption.RequireText(results);
        CommandOption.RequireText(output);

        var command = new Command("card", "Write a model card, the README.md of a Hugging Face folder: what is known is said, what is not is called unknown.")
        {
            model, title, license, language, dataset, tokens, split, results, output, force, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetResult(output) is not null)
            {
                result.AddError("--output is for the card; --json writes to standard output.");
            }
            else if (result.GetValue(force) && result.GetResult(output) is null)
            {
                result.AddError("--force is for --output.");
            }
        });
        command.SetAction(parsed =>
        {
            string? path = parsed.GetValue(output);
            if (path is not null)
            {
                OutputFile.Check(path, "--output");
                if (Path.Exists(path) && !parsed.GetValue(force))
                {
                    throw new UsageException($"'{path}' exists already; give --force to replace all of its text, or another name.");
                }
            }

            if (parsed.GetValue(tokens) is double count && !(count >= 1 && double.IsFinite(count)))
            {
                throw new UsageException($"--train-tokens was expected to be a number of 1 or more; found {count}.");
            }

            CardFacts facts = Gather(parsed.GetValue(model) ?? DefaultModel.Folder);
            facts = facts with
            {
                Title = parsed.GetValue(title),
                License = parsed.GetValue(license) ?? facts.License,
                Languages = parsed.GetValue(language) is { Length: > 0 } codes ? codes : facts.Languages,
                Datasets = parsed.GetValue(dataset) is { Length: > 0 } names ? names : facts.Datasets,
                TrainingTokens = parsed.GetValue(tokens) ?? facts.TrainingTokens,
                TrainingTokensSource = parsed.GetValue(tokens) is null ? facts.TrainingTokensSource : "the author of this card",
                SplitPattern = parsed.GetValue(split),
            };
            if (facts.SplitPattern is not null && facts.Tokenizer is not { NeedsSplitPattern: true })
            {
                throw new UsageException("--split-regex is for a word-level vocabulary whose files do not say how text is split; this model has none.");
            }

            foreach (string file in parsed.GetValue(results) ?? [])
            {
                facts = facts.WithResults(ReportFile.Read(file), file);
            }

            Write(facts, path, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static CardFacts Gather(string folderOrId)
    {
        using Checkpoint checkpoint = ModelOptions.OpenCheckpoint(folderOrId, "a card needs the folder of a checkpoint (inspect takes presets)");
        return CardFacts.Read(checkpoint);
    }

    private static void Write(CardFacts facts, string? path, bool json)
    {
        if (json)
        {
            Terminal.Json(writer => WriteJson(writer, facts));
        }
        else if (path is null)
        {
            Console.Out.Write(ModelCardWriter.Write(facts));
        }
        else
        {
            byte[] card = Encoding.UTF8.GetBytes(ModelCardWriter.Write(facts));
            AtomicFiles.Write(path, stream => stream.Write(card));
            Terminal.Note($"{path}: {Columns.Bytes(card.Length)}");
        }
    }

    private static void WriteJson(Utf8JsonWriter writer, CardFacts facts)
    {
        var table = new HyperParameters(facts.Config);
        writer.WriteStartObject();
        writer.WriteString("name", facts.Name);
        Text(writer, "title", facts.Title);
        Text(writer, "license", facts.License);
        Texts(writer, "languages", facts.Languages);
        Texts(writer, "datasets", facts.Datasets);
        Texts(writer, "tags", facts.Tags);
        writer.WriteStartObject("hyper_parameters");
        foreach (HyperParameter row in table.Rows)
        {
            writer.WriteString(row.Name.ToLowerInvariant().Replace(' ', '_'), row.Value);
        }

        writer.WriteEndObject();
        writer.WriteNumber("n_parameters", table.Parameters);
        Texts(writer, "stored_types", facts.StoredTypes);
        if (facts.Tokenizer is CardTokenizer tokenizer)
        {
            writer.WriteStartObject("tokenizer");
            writer.WriteString("kind", tokenizer.Kind);
            writer.WriteNumber("tokens", tokenizer.Tokens);
            writer.WriteBoolean("needs_split_pattern", tokenizer.NeedsSplitPattern);
            Text(writer, "split_pattern", facts.SplitPattern);
            writer.WriteEndObject();
        }

        Number(writer, "training_tokens", facts.TrainingTokens);
        Text(writer, "training_tokens_source", facts.TrainingTokensSource);
        if (facts.IsPublic is bool isPublic)
        {
            writer.WriteBoolean("public", isPublic);
        }

        Number(writer, "dataset_gigabytes", facts.DatasetGigabytes);
        Number(writer, "training_flops", facts.TrainingTokens * 6.0 * table.Parameters);
        if (facts.Trainer is TrainerState trainer)
        {
            writer.WriteStartObject("trainer");
            Number(writer, "steps", trainer.Steps);
            Number(writer, "epochs", trainer.Epochs);
            Number(writer, "batch_size", trainer.BatchSize);
            Number(writer, "flops", trainer.Flops);
            Number(writer, "tokens", trainer.Tokens);
            Number(writer, "evaluation_loss", trainer.EvaluationLoss);
            writer.WriteEndObject();
        }

        writer.WritePropertyName("results");
        ReportFile.Write(writer, new EvaluationReport(facts.Results));
        writer.WriteStartArray("files");
        foreach (CardFile file in facts.Files)
        {
            writer.WriteStartObject();
            writer.WriteString("name", file.Name);
            writer.WriteNumber("bytes", file.Bytes);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void Text(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }

    private static void Number(Utf8JsonWriter writer, string name, double? value)
    {
        if (value is double number && double.IsFinite(number))
        {
            writer.WriteNumber(name, number);
        }
    }

    private static void Texts(Utf8JsonWriter writer, string name, IReadOnlyList<string> values)
    {
        writer.WriteStartArray(name);
        foreach (string value in values)
        {
            writer.WriteStringValue(value);
        }

        writer.WriteEndArray();
    }
}
