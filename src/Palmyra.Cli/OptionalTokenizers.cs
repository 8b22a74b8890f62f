using Palmyra.Tokenization;

namespace Palmyra.Cli;

/// <summary>Commands that take token ids run on models without a tokenizer; what they print is ids then.</summary>
internal static class OptionalTokenizers
{
    // Any of these makes a folder one with a tokenizer; if it is damaged that is an error, not an absence.
    private static readonly string[] Files = ["tokenizer.json", "vocab.json", "encoder.json"];

    /// <summary>The model's tokenizer, or null if its folder has none.</summary>
    /// <param name="model">The model.</param>
    /// <param name="required">Whether there is text to encode, so that its absence is an error.</param>
    public static GptTokenizer? OptionalTokenizer(this LanguageModel model, bool required) =>
        required || Array.Exists(Files, file => File.Exists(Path.Combine(model.Folder, file))) ? model.Tokenizer : null;
}
