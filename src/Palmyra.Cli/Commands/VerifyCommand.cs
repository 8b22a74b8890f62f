using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Palmyra.Evaluation.Replay;
using Palmyra.Tokenization;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra verify</c>: replays recorded reference outputs and says how far this engine is from them.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        var folders = new Argument<string[]>("FOLDER")
        {
            Description = "Model folders with expected.json and expected.safetensors, or folders of such folders.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        CommandOption.RequireText(folders);
        var tokenizer = new Option<string[]>("--tokenizer")
        {
            Description = "Instead of models, a tokenizer's folder and a file of its recorded cases.",
            HelpName = "FOLDER CASES",
            Arity = new ArgumentArity(2, 2),
            AllowMultipleArgumentsPerToken = true,
        };
        var json = CommandOption.Json("Write JSON, a line a folder.");
        var options = new ModelOptions(exact: true);
        var command = new Command("verify", "Replay a model's recorded reference outputs; fails if a difference exceeds its bound.")
        {
            folders, tokenizer, json,
        };
        options.Model.Description = "The model, if its recording lies in another folder.";
        options.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            IEnumerable<VerificationReport> replayed = Reports(
                parsed, parsed.GetValue(folders) ?? [], parsed.GetValue(tokenizer) ?? [], options, parsed.GetValue(json), cancellation);

            // Every folder is replayed, also after one that differs.
            VerificationReport[] reports = [.. replayed];
            return Task.FromResult(reports.All(report => report.Passed) ? ExitCode.Done : ExitCode.Failed);
        });
        return command;
    }

    private static IEnumerable<VerificationReport> Reports(
        ParseResult parsed, string[] folders, string[] tokenizer, ModelOptions options, bool json, CancellationToken cancellation)
    {
        string? modelFolder = parsed.GetValue(options.Model);
        if (tokenizer.Length > 0)
        {
            if (folders.Length > 0 || modelFolder is not null)
            {
                throw new UsageException("Give folders of models or --tokenizer, not both.");
            }

            VerificationReport cases = TokenizerVerification.Run(GptTokenizer.Open(tokenizer[0]), tokenizer[1]);
            Write(cases, tokenizer[0], json);
            yield return cases;
            yield break;
        }

        if (folders.Length == 0)
        {
            throw new UsageException("verify needs a folder with expected.json, or --tokenizer FOLDER CASES.");
        }

        foreach (string folder in folders.SelectMany(Expand))
        {
            using LanguageModel model = options.Open(parsed, modelFolder ?? folder, _ => new ModelUse(), cancellation);
            VerificationReport report = Verification.Run(model.Transformer, folder, model.HasTokenizer ? model.Tokenizer : null, cancellation);
            Write(report, model.Backend.Description, json);
            yield return report;
        }
    }

    private static IEnumerable<string> Expand(string folder)
    {
        if (Verification.HasRecording(folder) || !Directory.Exists(folder))
        {
            return [folder];
        }

        string[] inside = [.. Directory.GetDirectories(folder).Where(Verification.HasRecording).Order(StringComparer.Ordinal)];
        return inside.Length > 0 ? inside : throw new UsageException($"Neither '{folder}' nor a folder in it holds expected.json.");
    }

    private static void Write(VerificationReport report, string backend, bool json)
    {
        if (json)
        {
            Terminal.Json(writer => WriteJson(writer, report, backend));
            return;
        }

        Console.WriteLine($"{report.Folder} on {backend}, recorded by {report.Reference}: {(report.Passed ? "agrees" : "DIFFERS")}");
        Columns.Write(Console.Out, "lrlrl", report.Sections.Select(section => new[]
        {
            "  " + section.Name,
            Columns.Count(section.Compared),
            section.Bound == 0 ? "equal" : "within " + Short(section.Bound),
            section.Bound == 0 ? Columns.Count((long)section.LargestDifference) + " differ" : Short(section.LargestDifference),
            section.Passed ? "ok" : "FAILED at " + section.Where,
        }));
    }

    private static void WriteJson(Utf8JsonWriter writer, VerificationReport report, string backend)
    {
        writer.WriteStartObject();
        writer.WriteString("folder", report.Folder);
        writer.WriteString("backend", backend);
        writer.WriteString("reference", report.Reference);
        writer.WriteBoolean("passed", report.Passed);
        writer.WriteStartArray("sections");
        foreach (VerificationSection section in report.Sections)
        {
            writer.WriteStartObject();
            writer.WriteString("name", section.Name);
            writer.WriteNumber("compared", section.Compared);
            writer.WriteNumber("bound", section.Bound);
            if (double.IsFinite(section.LargestDifference))
            {
                writer.WriteNumber("largest_difference", section.LargestDifference);
            }
            else
            {
                writer.WriteNull("largest_difference");
            }

            writer.WriteBoolean("passed", section.Passed);
            writer.WriteString("where", section.Where);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static string Short(double value) => value.ToString("0.0e+0", CultureInfo.InvariantCulture);
}
