using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>Finds and reads the vocabulary files of a checkpoint folder.</summary>
internal static class TokenizerFolder
{
    private const string SingleFile = "tokenizer.json";

    private static readonly (string Vocabulary, string Merges)[] Pairs = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")];

    /// <summary>Every file a tokenizer may be read from: what a copy of it must take along.</summary>
    public static IReadOnlyList<string> Files { get; } =
        [SingleFile, .. Pairs.SelectMany(pair => new[] { pair.Vocabulary, pair.Merges }), .. TokenizerConfig.Files];

    /// <summary>Whether a folder holds a vocabulary, in whatever state.</summary>
    public static bool HasVocabulary(string folder) =>
        File.Exists(Path.Combine(folder, SingleFile)) || Array.Exists(Pairs, pair => File.Exists(Path.Combine(folder, pair.Vocabulary)));

    /// <remarks>tokenizer.json goes first because it alone can state flags and templates; transformers prefers it too.</remarks>
    public static TokenizerDefinition Read(string folder, TokenizerOptions options)
    {
        if (!Directory.Exists(folder))
        {
            throw new TokenizationException($"There is no folder '{folder}'; expected one with a tokenizer's files.");
        }
        var single = Path.Combine(folder, SingleFile);
        if (File.Exists(single))
        {
            return TokenizerJsonFile.Read(single, options);
        }
        foreach (var pair in Pairs)
        {
            var (vocabularyPath, mergesPath) = (Path.Combine(folder, pair.Vocabulary), Path.Combine(folder, pair.Merges));
            if (File.Exists(vocabularyPath) && File.Exists(mergesPath))
            {
                var vocabulary = VocabularyFiles.ReadVocabulary(vocabularyPath);
                return new TokenizerDefinition(vocabularyPath, vocabulary) { BytePairs = new BytePairRules(VocabularyFiles.ReadMerges(mergesPath, vocabulary)) };
            }
        }
        throw new TokenizationException(
            $"The folder '{folder}' has no tokenizer; expected tokenizer.json, or vocab.json with merges.txt, or encoder.json with vocab.bpe; copy them from where the checkpoint came.");
    }
}
