using System.Text;
using Palmyra.Evaluation.Reports;

namespace Palmyra.Cards;

/// <summary>The card's sections on how to run the model, and on what it is and is not for.</summary>
internal static class UsageSection
{
    private const string Fence = "```";
    private const string Placeholder = "REGEX";

    public static void Append(StringBuilder text, CardFacts facts)
    {
        AppendHowTo(text, facts);
        AppendIntendedUse(text, facts);
        AppendLimitations(text, facts);
    }

    private static void AppendHowTo(StringBuilder text, CardFacts facts)
    {
        string model = Address(facts.Name);
        bool splits = facts.Tokenizer is { NeedsSplitPattern: true };
        string pattern = facts.SplitPattern is string given && CanBeShown(given) ? given : Placeholder;
        text.Append("\n## How to use it\n\n");
        if (splits)
        {
            text.Append("The vocabulary is a plain list of tokens, and the files do not say how a text is cut into them: whoever runs the model says so by ")
                .Append("a regular expression whose matches are the tokens, and text is to hold nothing else. ")
                .Append(pattern == Placeholder
                    ? "REGEX below stands for the expression that cut the training text, which is unknown to this card.\n\n"
                    : "The author gave the one below.\n\n");
        }

        string shell = splits ? $" --split-regex '{pattern.Replace("'", "'\\''", StringComparison.Ordinal)}'" : string.Empty;
        text.Append($"With Palmyra, which runs the folder as it is, from the command line:\n\n{Fence}\n");
        text.Append($"palmyra generate \"TEXT TO CONTINUE\" --model {model}{shell}\npalmyra inspect {model} --memory\n{Fence}\n\n");
        string verbatim = pattern.Replace("\"", "\"\"", StringComparison.Ordinal);
        string options = splits
            ? $", new LanguageModelOptions\n{{\n    Tokenizer = new TokenizerOptions {{ SplitPattern = @\"{verbatim}\" }},\n}}"
            : string.Empty;
        text.Append($"From C#:\n\n{Fence}csharp\nusing Palmyra;\nusing Palmyra.Generation;\n").Append(splits ? "using Palmyra.Tokenization;\n" : string.Empty)
            .Append($"\nusing LanguageModel model = LanguageModel.Open(\"{model}\"{options});\nusing TextGenerator generator = new(model);\n")
            .Append("await foreach (GeneratedToken token in generator.StreamAsync(\"TEXT TO CONTINUE\", model.GenerationDefaults))\n")
            .Append($"{{\n    Console.Write(token.Text);\n}}\n{Fence}\n");
    }

    private static void AppendIntendedUse(StringBuilder text, CardFacts facts) => text.Append("\n## Intended use\n\n")
        .Append("A model like this continues a text, be it in words or in a notation, the way its training text would go on. It suits research on ")
        .Append("language models, trials of decoding and of engines, features for a classifier, and fine-tuning for a task of your own, judged on that ")
        .Append("task's data. Whether it was trained towards anything else is not known to this card: count on nothing more before you have tried it.")
        .Append(facts.License is null ? " Its files do not state a licence: ask its author before you use it or pass it on.\n" : "\n");

    private static void AppendLimitations(StringBuilder text, CardFacts facts) => text.Append("\n## Limitations and biases\n\n")
        .Append("- **It does not know what is true, valid or safe.** It writes what is likely after its training text: a sentence may be false, a ")
        .Append("formula may mean nothing or stand for something dangerous. Do not let it inform, advise or decide without somebody who can tell and ")
        .Append("who answers for it.\n")
        .Append("- **It takes after its training text**, in subjects and form, errors, prejudices and gaps; ")
        .Append(facts.Datasets.Count == 0 ? "what that text was is unknown" : "that text is named above")
        .Append(". What, or whom, that text has seldom, wrongly or not at all fares no better here. Try it on inputs like those it will meet, ")
        .Append("and for everybody it will concern, before anybody depends on it.\n")
        .Append("- **It may write what offends or harms**, without being asked to. Have somebody who can tell, or a filter, go over what it writes ")
        .Append("before it is shown or used, and say that a machine wrote it.\n")
        .Append("- **It may repeat passages of its training text**, and with them what is private or protected.\n")
        .Append($"- **It forgets.** What lies more than {ReportNumber.Count(facts.Config.ContextLength)} tokens back does not exist for it, and the longer ")
        .Append("a text gets, the likelier it is to contradict or repeat itself.\n");

    /// <summary>A folder's or id's name if it can stand in a command and a program as it is.</summary>
    private static string Address(string name)
    {
        string[] parts = name.Split('/');
        bool plain = name.Length <= 200 && parts.Length is 1 or 2
            && parts.All(part => part.Length > 0 && char.IsAsciiLetterOrDigit(part[0])
                && part.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.'));
        return !plain ? "./model" : parts.Length == 2 ? name : "./" + name;
    }

    // A line of code that holds no end of line and cannot end the block it stands in.
    private static bool CanBeShown(string pattern) =>
        pattern.Length is > 0 and <= 1000 && Escaped.Line(pattern) == pattern && !pattern.Contains(Fence, StringComparison.Ordinal);
}
