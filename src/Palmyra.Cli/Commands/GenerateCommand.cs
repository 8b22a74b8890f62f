using System.CommandLine;
using System.Diagnostics;
using Palmyra.Diagnostics;
using Palmyra.Generation;
using Palmyra.Tokenization;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra generate</c>: continues a prompt.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var prompt = new Argument<string?>("PROMPT")
        {
            Description = "The text to continue; '-' reads standard input.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> file = CommandOption.File("Continue a file's text; a line break at its end is left out.");
        var promptIds = CommandOption.Value<string?>("--prompt-ids", "Continue these token ids.", "IDS");
        var noEcho = CommandOption.Flag("--no-echo", "Leave the prompt out of the output.");
        var json = CommandOption.Json("Write JSON, a line a sequence.");
        var options = new ModelOptions();
        var arguments = new GenerationArguments();
        var command = new Command("generate", "Continue a prompt; the text appears as it is made.")
        {
            prompt, file, promptIds, noEcho, json,
        };
        options.AddTo(command);
        command.Add(options.CacheDType);
        arguments.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            string? given = parsed.GetValue(prompt), path = parsed.GetValue(file), list = parsed.GetValue(promptIds);
            if (list is not null && (given is not null || path is not null))
            {
                throw new UsageException("Give the prompt as text or by --prompt-ids, not both.");
            }

            // At a terminal no prompt means a text from nothing: the model's begin token.
            bool nothing = given is null && path is null && list is null && !Console.IsInputRedirected;
            string? text = list is null ? (nothing ? string.Empty : TextInput.One(given, path, "a prompt")) : null;
            if (text is not null && !string.Equals(text, given, StringComparison.Ordinal))
            {
                text = WithoutFinalLineBreak(text);
            }

            int[]? ids = list is null ? null : IdList.Parse(list, "--prompt-ids");

            long start = Stopwatch.GetTimestamp();
            using LanguageModel model = options.Open(parsed, _ => new ModelUse { Tokenizes = text is not null, Generates = true }, cancellation);
            GptTokenizer? tokenizer = text is not null || model.HasTokenizer ? model.Tokenizer : null;
            ids = ids?.Within(model.Config.VocabularySize, "--prompt-ids") ?? tokenizer!.EncodePrompt(text!);
            var run = new GenerationRun(model, tokenizer, ids, text ?? tokenizer?.Decode(ids), options.CacheFormat(parsed), Stopwatch.GetElapsedTime(start).TotalSeconds);
            GenerationOptions chosen = Validated(
                arguments.Bind(parsed, model.GenerationDefaults, model.Config.ContextLength - Math.Max(1, ids.Length)),
                model,
                tokenizer is not null);
            if (!chosen.UseCache && parsed.GetResult(options.CacheDType) is { Implicit: false })
            {
                throw new UsageException("--cache-dtype has no effect where no cache is used.");
            }

            if (parsed.GetValue(json))
            {
                await run.WriteJsonAsync(chosen, cancellation);
            }
            else
            {
                await run.WriteTextAsync(chosen, !parsed.GetValue(noEcho), cancellation);
            }

            return ExitCode.Done;
        });
        return command;
    }

    // Files and pipes end their last line; a prompt goes on where its words end.
    private static string WithoutFinalLineBreak(string text) =>
        text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;

    private static GenerationOptions Validated(GenerationOptions options, LanguageModel model, bool hasTokenizer)
    {
        try
        {
            return options.Validate(model.Config, hasTokenizer);
        }
        catch (GenerationException failure)
        {
            throw new UsageException(failure.Message);
        }
    }
}
