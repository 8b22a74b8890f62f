using System.CommandLine;
using System.Globalization;
using System.Text;
using Palmyra.Evaluation.Scoring;
using Palmyra.Tokenization;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra score</c>: the log-probability of every token of a text, their sum and mean, and the perplexity.</summary>
internal static class ScoreCommand
{
    public static Command Create()
    {
        var text = new Argument<string?>("TEXT") { Description = "The text; '-' reads standard input.", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> file = CommandOption.File("Score a whole file's text.");
        var ids = CommandOption.Value<string?>("--ids", "Score these token ids instead of a text.", "IDS");
        var idsFile = CommandOption.Value<string?>("--ids-file", "Score a file of 16-bit little-endian token ids.", "FILE");
        var window = CommandOption.Value<int?>("--window", "Tokens the model sees at once; the whole context by default.", "N");
        var stride = CommandOption.Value<int?>("--stride", "Tokens from one window's start to the next; the window by default.", "N");
        var fullWindows = CommandOption.Flag("--full-windows", "Leave out a last window that is not full, as published perplexities often do.");
        var summary = CommandOption.Flag("--summary", "Leave the single tokens out.");
        var json = CommandOption.Json();
        var options = new ModelOptions(exact: true);
        var command = new Command(
            "score",
            "Score a text: in each window every token but the first is predicted from the tokens before it in the window.")
        {
            text, file, ids, idsFile, window, stride, fullWindows, summary, json,
        };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            string[] sources = [.. new[] { text.Name, "--file", "--ids", "--ids-file" }.Where(name => parsed.GetValue<string?>(name) is not null)];
            if (sources.Length > 1)
            {
                throw new UsageException($"Give one thing to score; found {string.Join(" and ", sources)}.");
            }

            bool hasIds = sources is ["--ids"] or ["--ids-file"];
            string? words = hasIds ? null : TextInput.One(parsed.GetValue(text), parsed.GetValue(file), "a text to score");
            int[]? given = parsed.GetValue(ids) is string list ? IdList.Parse(list, "--ids")
                : parsed.GetValue(idsFile) is string path ? IdList.ReadPacked(path)
                : null;

            // A text has a byte a token at least.
            long most = given?.Length ?? Encoding.UTF8.GetByteCount(words!);
            using LanguageModel model = options.Open(
                parsed,
                config => ModelUse.OfWindows(most, parsed.GetValue(window) ?? config.ContextLength) with { Tokenizes = !hasIds },
                cancellation);
            GptTokenizer? tokenizer = !hasIds || (!parsed.GetValue(summary) && model.HasTokenizer) ? model.Tokenizer : null;
            int[] tokens = given ?? tokenizer!.Encode(words!);
            tokens.Within(model.Config.VocabularySize, hasIds ? sources[0] : "The text");
            if (tokens.Length < 2)
            {
                throw new UsageException($"There must be at least two tokens to score one; found {tokens.Length}.");
            }

            int context = model.Config.ContextLength;
            int size = Between(parsed.GetValue(window) ?? Math.Min(context, Math.Max(2, tokens.Length)), 2, context, "--window");
            int step = Between(parsed.GetValue(stride) ?? size, 1, size, "--stride");
            if (parsed.GetValue(fullWindows))
            {
                tokens = tokens.Length >= size
                    ? tokens[..(size + ((tokens.Length - size) / step * step))]
                    : throw new UsageException($"--full-windows leaves nothing: the text has {tokens.Length} tokens and a window {size}.");
            }

            using var scorer = new Scorer(model.Transformer);
            IReadOnlyList<TokenScore> scores = Terminal.WithProgress(
                "scoring", progress => scorer.ScoreWindows(tokens, size, step, progress, cancellation));
            var result = new ScoredText(tokens.Length, scores, size, step);
            if (parsed.GetValue(json))
            {
                result.WriteJson(model.Backend.Description, parsed.GetValue(summary) ? null : tokenizer, !parsed.GetValue(summary));
            }
            else
            {
                result.WriteText(Console.Out, tokenizer, !parsed.GetValue(summary));
            }

            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static int Between(int value, int least, int most, string option) =>
        value >= least && value <= most ? value : throw new UsageException($"{option} was expected to be {least} to {most}; found {value}.");

    /// <summary>A scored text's figures, in nats.</summary>
    private sealed record ScoredText(int Tokens, IReadOnlyList<TokenScore> Scores, int Window, int Stride)
    {
        private double Sum { get; } = Scores.Sum(score => (double)score.LogProbability);

        private double Mean => Sum / Scores.Count;

        public void WriteText(TextWriter output, GptTokenizer? tokenizer, bool withTokens)
        {
            if (withTokens)
            {
                Columns.Write(output, "rrl", Scores
                    .Select(score => new[] { $"{score.Id}", Digits(score.LogProbability), tokenizer?.TokenText(score.Id) ?? string.Empty })
                    .Prepend(["id", "ln p", "piece"]));
                output.WriteLine();
            }

            Columns.Write(output, "ll",
            [
                [
                    "tokens scored",
                    $"{Columns.Count(Scores.Count)} of {Columns.Count(Tokens)}, windows of {Columns.Count(Window)} every {Columns.Count(Stride)}",
                ],
                ["sum of ln p", Digits(Sum)],
                ["mean of ln p", Digits(Mean)],
                ["perplexity", Math.Exp(-Mean).ToString("F3", CultureInfo.InvariantCulture)],
            ]);
        }

        private static string Digits(double value) => value.ToString("F5", CultureInfo.InvariantCulture);

        public void WriteJson(string backend, GptTokenizer? tokenizer, bool withTokens) => Terminal.Json(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("backend", backend);
            writer.WriteNumber("tokens", Tokens);
            writer.WriteNumber("scored", Scores.Count);
            writer.WriteNumber("window", Window);
            writer.WriteNumber("stride", Stride);
            writer.WriteNumber("sum", Sum);
            writer.WriteNumber("mean", Mean);
            writer.WriteNumber("perplexity", Math.Exp(-Mean));
            if (withTokens)
            {
                writer.WriteStartArray("scores");
                foreach (TokenScore score in Scores)
                {
                    writer.WriteStartObject();
                    writer.WriteNumber("id", score.Id);
                    if (tokenizer is not null)
                    {
                        writer.WriteString("piece", tokenizer.TokenText(score.Id));
                    }

                    writer.WriteNumber("log_prob", score.LogProbability);
                    writer.WriteNumber("best", score.Best);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        });
    }
}
