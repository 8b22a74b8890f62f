using System.Text;
using System.Text.Json;
using CsCheck;
using Palmyra.Diagnostics;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;
using Palmyra.Tokenization;

namespace Palmyra.Tests.Tokenization;

/// <summary>Byte-level tokenizers that need no data but the repository's: the default model's vocabulary and a tiny self-made one.</summary>
/// <remarks>A failing property prints CsCheck's seed; CsCheck_Seed repeats it.</remarks>
public sealed class GptTokenizerTests
{
    private static readonly GptTokenizer Storyteller = GptTokenizer.Open(Path.Combine(Fixtures.RepositoryRoot, "src", "Palmyra.Storyteller", "storyteller"));
    private static readonly GptTokenizer Tiny = TinyVocabulary.Open();

    [Fact]
    public void StorytellersPromptsAndStoriesAreTheRecordedOnes()
    {
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("storyteller/expected.json")));
        foreach (var prompt in expected.RootElement.GetProperty("prompts").EnumerateArray())
        {
            Assert.Equal(Ids(prompt.GetProperty("input_ids")), Storyteller.Encode(prompt.GetProperty("text").GetString()!));
        }
        foreach (var story in expected.RootElement.GetProperty("generation").EnumerateArray())
        {
            Assert.Equal(story.GetProperty("text").GetString(), Storyteller.Decode(Ids(story.GetProperty("sequences")[0])));
        }
        Assert.Equal((4096, 4095, 4095, null, 512), (Storyteller.VocabularySize, Storyteller.BosId, Storyteller.EosId, Storyteller.PadId, Storyteller.ModelMaxLength));
    }

    [Fact]
    public void HandMadeMergesGiveHandMadeIds()
    {
        // Merges in order: 256 " t", 257 "he", 258 " the", 259 "ll", 260 "ow", 261 "é", 262 two spaces, 263 "lo", 264 four spaces.
        Assert.Equal([257, 259, 'o', 258, 'r', 'e'], Tiny.Encode("hello there"));
        Assert.Equal(['l', 260], Tiny.Encode("low"));
        Assert.Equal(['c', 'a', 'f', 261], Tiny.Encode("café"));
        // Five spaces and a word: four go to the white space, one to the word.
        Assert.Equal([264, ' ', 'x'], Tiny.Encode("     x"));
        Assert.Equal(['a', TinyVocabulary.EndOfText, 'b'], Tiny.Encode("a<|endoftext|>b"));
        Assert.Empty(Tiny.Encode(""));
    }

    [Fact]
    public void TheDigestIsOfWhatDecidesTheIdsAndNotOfTheFilesForm()
    {
        using var twoFiles = new TemporaryFolder();
        TinyVocabulary.WriteTwoFiles(twoFiles);
        var oneFile = TinyVocabulary.TokenizerJson();
        Assert.Matches("^[0-9a-f]{8}$", Tiny.Digest);
        Assert.Equal(Tiny.Digest, GptTokenizer.Open(twoFiles.Root).Digest);
        Assert.Equal(Tiny.Digest, TinyVocabulary.OpenJson(oneFile).Digest);
        Assert.NotEqual(Tiny.Digest, Storyteller.Digest);
        Assert.NotEqual(Tiny.Digest, TinyVocabulary.OpenJson(oneFile, new TokenizerOptions { AddPrefixSpace = true }).Digest);
        File.WriteAllText(twoFiles["merges.txt"], string.Join('\n', TinyVocabulary.Merges.Reverse()));
        Assert.NotEqual(Tiny.Digest, GptTokenizer.Open(twoFiles.Root).Digest);

        string Words(string? pattern) =>
            TinyVocabulary.OpenJson(TinyVocabulary.WordLevelJson(), new TokenizerOptions { SplitPattern = pattern }).Digest;

        Assert.Equal(3, new[] { Words(null), Words("C|Cl"), Words("Cl|C"), Words("Cl|C") }.Distinct().Count());
    }

    [Fact]
    public void AnyTextComesBack()
    {
        Texts.Unicode.Sample(text =>
        {
            Assert.Equal(text, Storyteller.Decode(Storyteller.Encode(text)));
            Assert.Equal(text, Tiny.Decode(Tiny.Encode(text, parseSpecial: false)));
        }, iter: 2000);
    }

    [Fact]
    public void HalfSurrogatesBecomeReplacementCharacters()
    {
        Texts.Broken.Sample(text => Assert.Equal(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)), Storyteller.Decode(Storyteller.Encode(text))), iter: 500);
        Assert.Equal(Storyteller.Encode("a\uFFFDb"), Storyteller.Encode("a\uD83Db"));
    }

    [Fact]
    public void OffsetsCoverTheTextAndCarryTheSameIds()
    {
        Texts.Unicode.Sample(text =>
        {
            var spans = Storyteller.EncodeWithOffsets(text);
            Assert.Equal(Storyteller.Encode(text), spans.Select(span => span.Id));
            var covered = 0;
            foreach (var span in spans)
            {
                Assert.InRange(span.Start, 0, covered);
                Assert.True(span.End > span.Start && span.End >= covered);
                covered = span.End;
                // A span is whole characters, and a token of whole characters is exactly its span.
                var own = Storyteller.Decode([span.Id]);
                if (!own.Contains('\uFFFD'))
                {
                    Assert.Equal(own, text[span.Start..span.End]);
                }
            }
            Assert.Equal(text.Length, covered);
        }, iter: 2000);
    }

    [Fact]
    public void TokensInsideACharacterSpanThatCharacter()
    {
        // U+1F44D is four single bytes here; the space is a token of its own.
        Assert.Equal(
            [(0, 1), (1, 2), (2, 4), (2, 4), (2, 4), (2, 4), (4, 5)],
            Tiny.EncodeWithOffsets("a \U0001F44Db").Select(span => (span.Start, span.End)));
    }

    [Fact]
    public void ASpecialTokenIsTextWhenParsingIsOff()
    {
        Assert.Equal([4095], Storyteller.Encode("<|endoftext|>"));
        var plain = Storyteller.Encode("<|endoftext|>", parseSpecial: false);
        Assert.DoesNotContain(4095, plain);
        Assert.Equal("<|endoftext|>", Storyteller.Decode(plain, skipSpecialTokens: true));
        Assert.Equal("ab", Storyteller.Decode(Storyteller.Encode("a<|endoftext|>b"), skipSpecialTokens: true));
        Assert.Contains(4095, Storyteller.SpecialIds);
    }

    [Fact]
    public void AddedTokensAreFoundLongestFirstAndKeepTheirFlags()
    {
        const string Config = """
            {"added_tokens_decoder": {
              "300": {"content": "<x>", "lstrip": true, "rstrip": true, "special": true},
              "301": {"content": "<x><x>", "special": false},
              "302": {"content": "word", "single_word": true}}}
            """;
        var tokenizer = TinyVocabulary.Open(files: [("tokenizer_config.json", Config), ("added_tokens.json", """{"<y z>": 400}""")]);
        Assert.Equal(401, tokenizer.VocabularySize);
        Assert.False(tokenizer.HasToken(350));
        Assert.Equal(['a', 301, 'b'], tokenizer.Encode("a<x><x>b"));
        Assert.Equal(['a', 300, 'b'], tokenizer.Encode("a  <x> \n b"));
        Assert.Equal([('a', 0, 1), (300, 1, 9), ('b', 9, 10)], tokenizer.EncodeWithOffsets("a  <x> \n b").Select(span => (span.Id, span.Start, span.End)));
        Assert.Equal([302, ' ', 302], tokenizer.Encode("word word"));
        Assert.DoesNotContain(302, tokenizer.Encode("words sword"));
        Assert.Equal(["<y z>"], tokenizer.Encode("<y z>").Select(tokenizer.TokenText));
        Assert.Equal("<y z>", tokenizer.Decode([400, 350]));
        Assert.Equal(300, tokenizer.IdOf("<x>"));
        // Tokens that are not special stay tokens even where special ones are text.
        Assert.Equal([301], tokenizer.Encode("<x><x>", parseSpecial: false));
        Assert.Equal(3, tokenizer.Encode("<x>", parseSpecial: false).Length);
    }

    [Theory]
    [InlineData("the", new[] { 258 })]
    [InlineData(" the", new[] { 258 })]
    [InlineData("", new int[0])]
    public void APrefixSpaceIsAddedOnce(string text, int[] expected)
    {
        var stated = TinyVocabulary.Open(new TokenizerOptions { AddPrefixSpace = true });
        var configured = TinyVocabulary.Open(files: [("tokenizer_config.json", """{"add_prefix_space": true}""")]);
        Assert.Equal(expected, stated.Encode(text));
        Assert.Equal(expected, configured.Encode(text));
        Assert.All(stated.EncodeWithOffsets(text), span => Assert.Equal((0, text.Length), (span.Start, span.End)));
    }

    [Fact]
    public void ABeginningTokenIsAddedWhenTheFolderAsksForIt()
    {
        var tokenizer = TinyVocabulary.Open(files: [("tokenizer_config.json", """{"add_bos_token": true, "pad_token": {"content": "<|endoftext|>"}, "model_max_length": 1e30}""")]);
        Assert.Equal([TinyVocabulary.EndOfText, 258], tokenizer.Encode(" the"));
        Assert.Equal([258], tokenizer.Encode(" the", addSpecialTokens: false));
        Assert.Equal(TinyVocabulary.EndOfText, tokenizer.PadId);
        Assert.Null(tokenizer.ModelMaxLength);
    }

    [Fact]
    public void TheThreeFormsAgree()
    {
        var single = TinyVocabulary.OpenJson(TinyVocabulary.TokenizerJson());
        var pairs = TinyVocabulary.OpenJson(TinyVocabulary.TokenizerJson(pairs: true));
        Texts.Unicode.Sample(text =>
        {
            var expected = Tiny.Encode(text);
            Assert.Equal(expected, single.Encode(text));
            Assert.Equal(expected, pairs.Encode(text));
        }, iter: 300);
    }

    [Fact]
    public void LongPiecesMergeAsTheLibraryMergesThem()
    {
        var merges = VocabularyFiles.ReadMerges(
            Path.Combine(Fixtures.RepositoryRoot, "src", "Palmyra.Storyteller", "storyteller", "merges.txt"), VocabularyOf(Storyteller));
        var merger = new LongPieceMerger(VocabularyOf(Storyteller), merges);
        Gen.Char["aehinorst"].List[1, 300].Select(letters => new string([.. letters]))
            .Sample(piece => Assert.Equal(Storyteller.Encode(piece), merger.Merge(piece)), iter: 500);
        // A single piece of 400,000 letters would take the library a quarter of a minute and more.
        var endless = string.Concat(Enumerable.Repeat("thereasons", 40_000));
        Assert.Equal(endless, Storyteller.Decode(Storyteller.Encode(endless)));
    }

    [Fact]
    public void BytesOutsideTheVocabularyBecomeTheUnknownTokenOrAreRefused()
    {
        var json = TinyVocabulary.TokenizerJson();
        json["model"]!["vocab"]!.AsObject().Remove("z");
        var tokenizer = TinyVocabulary.OpenJson(json);
        var spans = tokenizer.EncodeWithOffsets("hezhe");
        Assert.Equal([(257, 0, 2), (TinyVocabulary.EndOfText, 2, 3), (257, 3, 5)], spans.Select(span => (span.Id, span.Start, span.End)));
        json["model"]!["vocab"]!.AsObject().Remove("<|endoftext|>");
        json["added_tokens"]!.AsArray().Clear();
        var without = TinyVocabulary.OpenJson(json);
        Assert.Contains("'z'", Assert.Throws<TokenizationException>(() => without.Encode("hezhe")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SeveralThreadsGetTheSameIds()
    {
        var texts = Enumerable.Range(0, 64).Select(number => string.Concat(Enumerable.Range(0, 200).Select(k => $" w{number * k % 97}é"))).ToArray();
        var alone = texts.Select(text => Tiny.Encode(text)).ToArray();
        var fresh = TinyVocabulary.Open();
        var together = new int[texts.Length][];
        Parallel.For(0, texts.Length, i => together[i] = fresh.Encode(texts[i]));
        Assert.Equal(alone, together);
    }

    [Fact]
    public void CleaningUpSpacesIsOnlyDoneOnRequest()
    {
        var tokenizer = TinyVocabulary.Open(files: [("tokenizer_config.json", """{"clean_up_tokenization_spaces": true}""")]);
        Assert.True(tokenizer.CleansUpSpaces);
        var ids = tokenizer.Encode("a . b ?  it 's ' quoted '");
        Assert.Equal("a . b ?  it 's ' quoted '", tokenizer.Decode(ids));
        Assert.Equal("a. b?  it's'quoted '", tokenizer.Decode(ids, cleanUpSpaces: true));
    }

    private static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];

    private static Vocabulary VocabularyOf(GptTokenizer tokenizer)
    {
        var vocabulary = new Vocabulary(tokenizer.VocabularySize);
        for (var id = 0; id < tokenizer.VocabularySize; id++)
        {
            vocabulary.Add(tokenizer.TokenText(id), id, "test");
        }
        return vocabulary;
    }
}
