using System.Text.Json.Nodes;
using Palmyra.Diagnostics;
using Palmyra.Tokenization;

namespace Palmyra.Tests.Tokenization;

/// <summary>Word-level tokenizer.json files: stated and missing splitting, templates, unknown words.</summary>
public sealed class WordLevelTests
{
    private static readonly TokenizerOptions Molecules = new() { SplitPattern = @"(\[[^\]]+\]|Br|Cl|%\d\d|.)" };

    [Fact]
    public void AStatedSplitAndTheTemplateAreFollowed()
    {
        var tokenizer = TinyVocabulary.OpenJson(TinyVocabulary.WordLevelJson(), Molecules);
        Assert.Equal([0, 2, 3, 4, 6, 5, 1], tokenizer.Encode("CCl([nH])"));
        Assert.Equal([2, 3, 4, 6, 5], tokenizer.Encode("CCl([nH])", addSpecialTokens: false));
        Assert.Equal([0, 2, 1], tokenizer.Encode("<BOS>C<EOS>", addSpecialTokens: false));
        Assert.Equal([(0, 0, 0), (3, 0, 2), (2, 2, 3), (1, 3, 3)], tokenizer.EncodeWithOffsets("ClC").Select(span => (span.Id, span.Start, span.End)));
        Assert.Equal("<BOS>CCl<EOS>", tokenizer.Decode([0, 2, 3, 1]));
        Assert.Equal("CCl", tokenizer.Decode([0, 2, 3, 1], skipSpecialTokens: true));
    }

    [Fact]
    public void WithoutAStatedSplitOnlyAWholeWordIsEncoded()
    {
        var tokenizer = TinyVocabulary.OpenJson(TinyVocabulary.WordLevelJson());
        Assert.Equal([0, 3, 1], tokenizer.Encode("Cl"));
        Assert.Contains("SplitPattern", Assert.Throws<TokenizationException>(() => tokenizer.Encode("CCl")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AWordOutsideTheVocabularyIsRefusedOrUnknown()
    {
        var json = TinyVocabulary.WordLevelJson();
        Assert.Contains("'X'", Assert.Throws<TokenizationException>(() => TinyVocabulary.OpenJson(json, Molecules).Encode("CX")).Message, StringComparison.Ordinal);
        json["model"]!["unk_token"] = "C";
        Assert.Equal([3, 2], TinyVocabulary.OpenJson(json, Molecules).Encode("ClX", addSpecialTokens: false));
    }

    [Theory]
    [InlineData("""{"type": "Whitespace"}""", "(C) Cl", new[] { 4, 2, 5, 3 })]
    [InlineData("""{"type": "WhitespaceSplit"}""", " C\n Cl ", new[] { 2, 3 })]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "Cl"}, "behavior": "Isolated", "invert": false}""", "CClC", new[] { 2, 3, 2 })]
    [InlineData("""{"type": "Split", "pattern": {"String": "."}, "behavior": "Removed", "invert": false}""", "C.Cl", new[] { 2, 3 })]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "Cl|C"}, "behavior": "Removed", "invert": true}""", "C-Cl", new[] { 2, 3 })]
    [InlineData("""{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Split", "pattern": {"Regex": "(?<=C)l?"}, "behavior": "Isolated"}]}""", "C (", new[] { 2, 4 })]
    public void ThePreTokenizerOfTheFileIsUsed(string preTokenizer, string text, int[] expected)
    {
        var json = TinyVocabulary.WordLevelJson();
        json["pre_tokenizer"] = JsonNode.Parse(preTokenizer);
        Assert.Equal(expected, TinyVocabulary.OpenJson(json).Encode(text, addSpecialTokens: false));
    }

    [Fact]
    public void WordsAreJoinedWithSpacesWhenThereIsNoDecoder()
    {
        var json = TinyVocabulary.WordLevelJson();
        json["decoder"] = null;
        var tokenizer = TinyVocabulary.OpenJson(json, Molecules);
        Assert.Equal("C Cl (", tokenizer.Decode([0, 2, 3, 4], skipSpecialTokens: true));
        var detokenizer = new Detokenizer(tokenizer, skipSpecialTokens: true);
        Assert.Equal(["", "C", " Cl", " ("], new[] { 0, 2, 3, 4 }.Select(detokenizer.Push));
        Assert.Equal("", detokenizer.Flush());
        Assert.Equal("C", detokenizer.Push(2));
    }

    [Fact]
    public void TextThePatternLeavesOutIsRefusedUnlessItIsWhiteSpace()
    {
        var tokenizer = TinyVocabulary.OpenJson(TinyVocabulary.WordLevelJson(), new TokenizerOptions { SplitPattern = "Cl|C" });
        Assert.Equal([2, 3], tokenizer.Encode("C \n Cl", addSpecialTokens: false));
        Assert.Contains("'-'", Assert.Throws<TokenizationException>(() => tokenizer.Encode("C-Cl")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ABadPatternAndAPatternForABytelevelVocabularyAreRefused()
    {
        Assert.Throws<TokenizationException>(() => TinyVocabulary.OpenJson(TinyVocabulary.WordLevelJson(), new TokenizerOptions { SplitPattern = "(" }));
        Assert.Throws<TokenizationException>(() => TinyVocabulary.Open(Molecules));
    }

    [Fact]
    public void APatternThatBacktracksWithoutEndDoesNotHang()
    {
        var tokenizer = TinyVocabulary.OpenJson(TinyVocabulary.WordLevelJson(), new TokenizerOptions { SplitPattern = "(C+)+$" });
        Assert.Throws<TokenizationException>(() => tokenizer.Encode(new string('C', 5000) + "x"));
    }
}
