using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Evaluation.Scoring;
using Palmyra.Quantization;
using Palmyra.Tokenization;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra quantize</c>: writes a copy of a model's folder in 8-bit or 4-bit integers, and says what that cost.</summary>
internal static class QuantizeCommand
{
    // Enough to see which kinds of matrix suffer; --json has them all.
    private const int MatricesShown = 8;

    public static Command Create()
    {
        var folder = new Argument<string>("FOLDER") { Description = "A model's folder, or its id in the local Hugging Face cache." };
        var destination = new Argument<string>("OUT") { Description = "The folder to write; it must be absent or empty." };
        CommandOption.RequireText(folder);
        CommandOption.RequireText(destination);
        Option<string> dtype = CommandOption.Choice(
            "--dtype", "Integers of 8 or of 4 bits, 32 to a scale: about half or a quarter of a 16-bit file.", "q8", "q4");
        var text = CommandOption.Value<string?>("--text", "Score this text before and after: the perplexities say what the smaller numbers cost.", "FILE");
        var overwrite = CommandOption.Flag("--overwrite", "Replace a model that OUT holds.");
        var json = CommandOption.Json("Write JSON, with the error of every matrix.");
        var options = new ModelOptions(exact: true);
        var command = new Command("quantize", "Write a copy of a model in 8-bit or 4-bit integers, which opens without conversion.")
        {
            folder, destination, dtype, text, overwrite, json,
        };
        options.AddTo(command, model: false, dtype: false);
        command.Add(options.SplitRegex);
        command.Validators.Add(result =>
        {
            bool runs = result.GetResult(options.Backend) is { Implicit: false } || result.GetResult(options.Threads) is not null
                || result.GetResult(options.SplitRegex) is not null;
            if (runs && result.GetValue(text) is null)
            {
                result.AddError("--backend, --threads and --split-regex are for scoring --text.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            (string from, string to) = (parsed.GetValue(folder)!, parsed.GetValue(destination)!);
            if (Directory.Exists(to) && Directory.EnumerateFileSystemEntries(to).Any() && !parsed.GetValue(overwrite))
            {
                throw new UsageException($"'{to}' is not empty; --overwrite replaces the model it holds.");
            }

            using (Checkpoint checkpoint = ModelOptions.OpenCheckpoint(from))
            {
                if (checkpoint.IsAt(to))
                {
                    throw new UsageException($"'{to}' is the model's own folder, which would be lost; give another.");
                }
            }

            string? words = parsed.GetValue(text) is string file ? File.ReadAllText(file) : null;
            MatrixFormat format = parsed.GetValue(dtype) == "q4" ? MatrixFormat.Q4 : MatrixFormat.Q8;
            double? before = Perplexity(parsed, options, from, words, "scoring before", cancellation);
            QuantizationReport report = Terminal.WithProgress(
                "quantising", progress => Quantizer.Quantize(from, to, format, progress, cancellation));
            double? after = Perplexity(parsed, options, to, words, "scoring after", cancellation);
            if (parsed.GetValue(json))
            {
                Terminal.Json(writer => WriteJson(writer, to, report, before, after));
            }
            else
            {
                WriteText(Console.Out, to, report, before, after);
            }

            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static double? Perplexity(
        ParseResult parsed, ModelOptions options, string folder, string? words, string title, CancellationToken cancellation)
    {
        if (words is null)
        {
            return null;
        }

        // A text has a byte a token at least.
        long most = Encoding.UTF8.GetByteCount(words);
        using LanguageModel model = options.Open(
            parsed, folder, config => ModelUse.OfWindows(most, config.ContextLength) with { Tokenizes = true }, cancellation);
        int[] tokens = model.Tokenizer.Encode(words);
        tokens.Within(model.Config.VocabularySize, "The text");
        if (tokens.Length < 2)
        {
            throw new UsageException($"--text must have at least two tokens to score one; found {tokens.Length}.");
        }

        int window = Math.Clamp(tokens.Length, 2, model.Config.ContextLength);
        using var scorer = new Scorer(model.Transformer);
        IReadOnlyList<TokenScore> scores = Terminal.WithProgress(
            title, progress => scorer.ScoreWindows(tokens, window, window, progress, cancellation));
        return Math.Exp(-scores.Average(score => (double)score.LogProbability));
    }

    private static void WriteText(TextWriter output, string folder, QuantizationReport report, double? before, double? after)
    {
        string format = report.Format.ToString().ToLowerInvariant();
        output.WriteLine(
            $"{folder}: {format}, {Columns.Bytes(report.BytesBefore)} became {Columns.Bytes(report.BytesAfter)} "
            + $"({((double)report.BytesAfter / report.BytesBefore).ToString("P0", CultureInfo.InvariantCulture)})");
        if (before is not null)
        {
            output.WriteLine($"perplexity {Digits(before.Value)} became {Digits(after!.Value)}");
        }

        MatrixError[] shown = [.. report.Matrices.OrderByDescending(matrix => matrix.RelativeRms).Take(MatricesShown)];
        output.WriteLine();
        Columns.Write(output, "lrrr", shown
            .Select(matrix => new[]
            {
                ShortName(matrix.Name), $"{matrix.Rows} x {matrix.Cols}", Share(matrix.RelativeRms), Short(matrix.LargestDifference),
            })
            .Append([$"all {report.Matrices.Count}", string.Empty, Share(report.RelativeRms), Short(report.Matrices.Max(matrix => matrix.LargestDifference))])
            .Prepend(["matrix", "shape", "relative error", "largest difference"]));
    }

    private static void WriteJson(Utf8JsonWriter writer, string folder, QuantizationReport report, double? before, double? after)
    {
        writer.WriteStartObject();
        writer.WriteString("folder", folder);
        writer.WriteString("dtype", report.Format.ToString().ToLowerInvariant());
        writer.WriteNumber("bytes_before", report.BytesBefore);
        writer.WriteNumber("bytes_after", report.BytesAfter);
        writer.WriteNumber("relative_rms", report.RelativeRms);
        if (before is not null)
        {
            writer.WriteNumber("perplexity_before", before.Value);
            writer.WriteNumber("perplexity_after", after!.Value);
        }

        writer.WriteStartArray("matrices");
        foreach (MatrixError matrix in report.Matrices)
        {
            writer.WriteStartObject();
            writer.WriteString("name", matrix.Name);
            writer.WriteString("dtype", matrix.Format.ToString().ToLowerInvariant());
            writer.WriteNumber("rows", matrix.Rows);
            writer.WriteNumber("cols", matrix.Cols);
            writer.WriteNumber("relative_rms", matrix.RelativeRms);
            writer.WriteNumber("largest_difference", matrix.LargestDifference);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    // q, k and v are one matrix with the names of three.
    private static string ShortName(string name) => name.Split(" + ") is [string first, _, ..] names ? $"{first} and {names.Length - 1} more" : name;

    private static string Digits(double value) => value.ToString("F3", CultureInfo.InvariantCulture);

    private static string Share(double value) => value.ToString("P2", CultureInfo.InvariantCulture);

    private static string Short(double value) => value.ToString("0.0e+0", CultureInfo.InvariantCulture);
}
