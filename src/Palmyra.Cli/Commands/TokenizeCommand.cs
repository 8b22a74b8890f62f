using System.CommandLine;
using Palmyra.Checkpoints;
using Palmyra.Storyteller;
using Palmyra.Tokenization;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra tokenize</c>: ids, pieces and offsets of texts; or the text of ids.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        var texts = new Argument<string[]>("TEXT")
        {
            Description = "Texts; '-' reads a text a line from standard input.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var options = new ModelOptions();
        Option<string?> file = CommandOption.File("Read texts from a file, one a line.");
        var decode = CommandOption.Value<string?>("--decode", "Print the text of these token ids instead.", "IDS");
        var plain = CommandOption.Flag(
            "--no-special", "Treat special tokens written out in the text as plain text, and add none around it.");
        var json = CommandOption.Json("Write JSON, a line a text.");
        var command = new Command("tokenize", "Show the token ids, pieces and character offsets of texts.")
        {
            texts, options.Model, file, decode, options.SplitRegex, plain, json,
        };
        command.SetAction(parsed =>
        {
            GptTokenizer tokenizer = Open(parsed.GetValue(options.Model), parsed.GetValue(options.SplitRegex));
            if (parsed.GetValue(decode) is string ids)
            {
                if (parsed.GetValue(texts) is { Length: > 0 } || parsed.GetValue(file) is not null)
                {
                    throw new UsageException("Give texts to tokenize or --decode, not both.");
                }

                Decode(tokenizer, IdList.Parse(ids, "--decode").Within(tokenizer.VocabularySize, "--decode"), parsed.GetValue(json));
                return ExitCode.Done;
            }

            foreach (string text in TextInput.Many(parsed.GetValue(texts) ?? [], parsed.GetValue(file)))
            {
                bool special = !parsed.GetValue(plain);
                Write(tokenizer, text, tokenizer.EncodeWithOffsets(text, special, special), parsed.GetValue(json));
            }

            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>Opens a folder's tokenizer; its weights need not be there.</summary>
    private static GptTokenizer Open(string? folderOrId, string? splitRegex)
    {
        string given = folderOrId ?? DefaultModel.Folder;
        var options = new TokenizerOptions { SplitPattern = splitRegex };
        if (Directory.Exists(given))
        {
            return GptTokenizer.Open(given, options);
        }

        using Checkpoint checkpoint = Checkpoint.Open(given);
        return GptTokenizer.Open(checkpoint.Folder, options);
    }

    private static void Decode(GptTokenizer tokenizer, int[] ids, bool json)
    {
        string text = tokenizer.Decode(ids);
        if (!json)
        {
            Console.WriteLine(text);
            return;
        }

        Terminal.Json(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("text", text);
            writer.WriteEndObject();
        });
    }

    private static void Write(GptTokenizer tokenizer, string text, TokenSpan[] tokens, bool json)
    {
        if (!json)
        {
            Columns.Write(Console.Out, "rrrl", tokens
                .Select(token => new[] { $"{token.Id}", $"{token.Start}", $"{token.End}", tokenizer.TokenText(token.Id) })
                .Prepend(["id", "start", "end", "piece"]));
            Console.WriteLine($"{Columns.Count(tokens.Length)} tokens, {Columns.Count(text.Length)} characters");
            return;
        }

        Terminal.Json(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("text", text);
            writer.WriteStartArray("ids");
            foreach (TokenSpan token in tokens)
            {
                writer.WriteNumberValue(token.Id);
            }

            writer.WriteEndArray();
            writer.WriteStartArray("pieces");
            foreach (TokenSpan token in tokens)
            {
                writer.WriteStringValue(tokenizer.TokenText(token.Id));
            }

            writer.WriteEndArray();
            writer.WriteStartArray("offsets");
            foreach (TokenSpan token in tokens)
            {
                writer.WriteStartArray();
                writer.WriteNumberValue(token.Start);
                writer.WriteNumberValue(token.End);
                writer.WriteEndArray();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }
}
