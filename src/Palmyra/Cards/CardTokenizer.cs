using Palmyra.Tokenization;

namespace Palmyra.Cards;

/// <summary>What a card says about a tokenizer.</summary>
/// <param name="Kind">"byte-level BPE" or "word-level".</param>
/// <param name="Tokens">How many tokens it has.</param>
/// <param name="NeedsSplitPattern">Whether it is word-level and its files do not say how a text becomes words.</param>
/// <param name="Examples">A few tokens of a word-level vocabulary in the order of their ids, from which a reader sees what it is for; else none.</param>
public sealed record CardTokenizer(string Kind, int Tokens, bool NeedsSplitPattern, IReadOnlyList<string> Examples)
{
    private const int MostExamples = 24;

    internal static CardTokenizer Of(GptTokenizer tokenizer)
    {
        int[] ids = [.. Enumerable.Range(0, tokenizer.VocabularySize).Where(tokenizer.HasToken)];
        return tokenizer.BytePairs is not null
            ? new CardTokenizer("byte-level BPE", ids.Length, NeedsSplitPattern: false, [])
            : new CardTokenizer(
                "word-level",
                ids.Length,
                !tokenizer.StatesSplitting,
                [.. ids.Where(id => !tokenizer.SpecialIds.Contains(id)).Take(MostExamples).Select(tokenizer.TokenText)]);
    }
}
