using System.Text;
using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>A vocabulary of whole words: text is split, and each word is looked up.</summary>
/// <param name="vocabulary">The words.</param>
/// <param name="splitters">Applied one after the other, each to the words of the one before; null when nothing states how to split.</param>
/// <param name="separator">What decoding puts between words.</param>
/// <param name="unknownId">What stands for a word outside the vocabulary; null refuses such text.</param>
internal sealed class WordLevelModel(Vocabulary vocabulary, IReadOnlyList<WordSplitter>? splitters, string separator, int? unknownId) : TokenModel
{
    public override string Separator => separator;

    public override IEnumerable<string> Rules => [$"words {separator} {unknownId}", .. splitters?.Select(splitter => splitter.ToString()) ?? []];

    public override byte[] BytesOf(string spelling) => Encoding.UTF8.GetBytes(spelling);

    public override void Encode(string text, int start, int end, TokenList tokens)
    {
        if (start == end)
        {
            return;
        }
        foreach (var (wordStart, wordEnd) in Split(text, start, end))
        {
            var word = text[wordStart..wordEnd];
            if (!vocabulary.TryGetId(word, out var id))
            {
                id = unknownId ?? throw new TokenizationException(
                    $"The word '{word}' at character {wordStart} is not in the vocabulary and the tokenizer has no unknown token; use words it knows, or check the splitting.");
            }
            tokens.Add(id, wordStart, wordEnd);
        }
    }

    private List<(int Start, int End)> Split(string text, int start, int end)
    {
        List<(int Start, int End)> words = [(start, end)];
        if (splitters is null)
        {
            return vocabulary.TryGetId(text[start..end], out _)
                ? words
                : throw new TokenizationException(
                    "This word-level tokenizer's files do not say how text is split into words; state it (TokenizerOptions.SplitPattern, --split-regex on the command line).");
        }
        foreach (var splitter in splitters)
        {
            List<(int Start, int End)> finer = [];
            foreach (var word in words)
            {
                splitter.Split(text, word.Start, word.End, finer);
            }
            words = finer;
        }
        return words;
    }
}
