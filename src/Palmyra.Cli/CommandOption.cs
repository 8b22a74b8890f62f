using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Palmyra.Cli;

/// <summary>Makes the options of commands, so that each is one line where it is declared.</summary>
internal static class CommandOption
{
    /// <summary>--file, for commands that read text.</summary>
    public static Option<string?> File(string description) => new("--file", "-f") { Description = description, HelpName = "FILE" };

    /// <summary>--json, for commands that report something.</summary>
    public static Option<bool> Json(string description = "Write JSON.") => Flag("--json", description);

    /// <summary>An option that is there or not.</summary>
    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    /// <summary>An option with a value.</summary>
    /// <param name="name">Its name, dashes included.</param>
    /// <param name="description">What it does, a sentence.</param>
    /// <param name="value">What --help shows for the value.</param>
    public static Option<T> Value<T>(string name, string description, string value) =>
        new(name) { Description = description, HelpName = value };

    /// <summary>An option that takes one of a few words, the first by default.</summary>
    public static Option<string> Choice(string name, string description, params string[] words)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => words[0] };
        AcceptOnly(option, words);
        return option;
    }

    /// <summary>Makes an argument refuse an empty text, in one sentence.</summary>
    /// <param name="argument">The argument.</param>
    /// <param name="what">What was expected; a model's id counts as a path.</param>
    public static void RequireText(Argument argument, string what = "a path") =>
        argument.Validators.Add(result => RequireText(result, result.Tokens, argument.Name, what));

    /// <summary>Makes an option refuse an empty text, in one sentence.</summary>
    /// <param name="option">The option.</param>
    /// <param name="what">What was expected; a model's id counts as a path.</param>
    public static void RequireText(Option option, string what = "a path") =>
        option.Validators.Add(result => RequireText(result, result.Tokens, option.Name, what));

    /// <summary>Makes an option of whole numbers refuse those out of range, in one sentence. What is no number at all the parser refuses.</summary>
    public static void Between(Option option, int least, int most = int.MaxValue) => option.Validators.Add(result =>
    {
        if (result.Tokens is [.., Token last]
            && int.TryParse(last.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
            && (value < least || value > most))
        {
            string range = most == int.MaxValue ? $"{least} or more" : $"{least} to {most}";
            result.AddError($"{option.Name} was expected to be {range}; found {value}.");
        }
    });

    /// <summary>Makes an option refuse all but a few words, in one sentence.</summary>
    /// <param name="option">The option.</param>
    /// <param name="words">The words.</param>
    public static void AcceptOnly(Option option, string[] words) =>
        AcceptOnly(option, words, words, word => words.Contains(word, StringComparer.Ordinal), word => Nearest.Suggest(word, words));

    /// <summary>Makes an option refuse all but a few words and words of a form, in one sentence.</summary>
    /// <param name="option">The option.</param>
    /// <param name="words">The words, which are completed.</param>
    /// <param name="shown">The words and forms as help and refusals show them.</param>
    /// <param name="accepts">Whether a word is accepted.</param>
    /// <param name="hint">What a refused word may have meant: a sentence with a blank before it, or an empty text.</param>
    public static void AcceptOnly(Option option, string[] words, string[] shown, Predicate<string> accepts, Func<string, string> hint)
    {
        option.HelpName = string.Join('|', shown);
        option.CompletionSources.Add(words);
        option.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(token => !accepts(token.Value)) is Token wrong)
            {
                string known = $"{string.Join(", ", shown[..^1])} or {shown[^1]}";
                result.AddError($"{option.Name} was expected to be {known}; found '{wrong.Value}'.{hint(wrong.Value)}");
            }
        });
    }

    private static void RequireText(SymbolResult result, IEnumerable<Token> tokens, string name, string what)
    {
        if (tokens.Any(token => string.IsNullOrWhiteSpace(token.Value)))
        {
            result.AddError($"{name} was expected to be {what}; found an empty text.");
        }
    }
}
