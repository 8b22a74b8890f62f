using System.CommandLine;
using System.CommandLine.Parsing;
using Palmyra.Diagnostics;

namespace Palmyra.Cli;

/// <summary>Parses a command line, runs it, and turns what went wrong into one sentence on stderr and an exit code.</summary>
internal static class Invocation
{
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            return Refuse(parsed);
        }

        if (MistakenOption(parsed, args) is string option)
        {
            string hint = Nearest.Suggest(option, parsed.CommandResult.Command.Options.Select(known => known.Name));
            return Fail($"'{option}' is no option of this command.{hint} Put '--' before a text that begins with dashes.", ExitCode.Usage);
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (UsageException failure)
        {
            return Fail(failure.Message, ExitCode.Usage);
        }
        catch (OperationCanceledException)
        {
            return Fail("Cancelled.", ExitCode.Cancelled);
        }
        catch (Exception failure) when (failure is PalmyraException or IOException or UnauthorizedAccessException)
        {
            return Fail(failure.Message, ExitCode.Failed);
        }
        catch (OutOfMemoryException)
        {
            return Fail("There is not enough memory for this; use a smaller model, context or batch, or a narrower --dtype.", ExitCode.Failed);
        }
    }

    // The parser takes an unknown option for the text of an argument: --jsn would be a prompt.
    private static string? MistakenOption(ParseResult parsed, string[] args)
    {
        int end = Array.IndexOf(args, "--");
        string[] before = end < 0 ? args : args[..end];
        return parsed.CommandResult.Children
            .OfType<ArgumentResult>()
            .SelectMany(argument => argument.Tokens)
            .Select(token => token.Value)
            .FirstOrDefault(value => value.StartsWith("--", StringComparison.Ordinal) && value.Length > 2 && before.Contains(value));
    }

    private static int Refuse(ParseResult parsed)
    {
        // One cause can be reported several times over (an unknown word as command and as argument): the first is the nearest.
        string message = parsed.Errors[0].Message;
        SymbolResult? at = parsed.Errors[0].SymbolResult ?? parsed.CommandResult;
        string[] words = [.. parsed.UnmatchedTokens];
        if (words.Length > 0)
        {
            IEnumerable<string> known = words[0].StartsWith('-')
                ? parsed.CommandResult.Command.Options.Select(option => option.Name)
                : parsed.CommandResult.Command.Subcommands.Select(command => command.Name);
            message = $"'{words[0]}' is unknown here.{Nearest.Suggest(words[0], known)}";
        }
        else if (at is CommandResult { Command: RootCommand })
        {
            message = $"A command is missing: {string.Join(", ", parsed.RootCommandResult.Command.Subcommands.Select(command => command.Name))}.";
        }

        else if (at is OptionResult { Tokens: [.., Token last] } option && message.StartsWith("Cannot parse", StringComparison.Ordinal))
        {
            message = $"{option.Option.Name} was expected to be {KindOf(option.Option.ValueType)}; found '{last.Value}'.";
        }

        string path = parsed.CommandResult.Command is RootCommand ? "palmyra" : $"palmyra {parsed.CommandResult.Command.Name}";
        return Fail($"{message} See '{path} --help'.", ExitCode.Usage);
    }

    private static string KindOf(Type type)
    {
        Type kind = Nullable.GetUnderlyingType(type) ?? type;
        return kind == typeof(bool) ? "true or false"
            : kind == typeof(float) || kind == typeof(double) ? "a number"
            : kind == typeof(ulong) ? "a whole number of zero or more"
            : "a whole number";
    }

    private static int Fail(string message, int code)
    {
        Console.Error.WriteLine($"palmyra: {message.ReplaceLineEndings(" ")}");
        return code;
    }
}
