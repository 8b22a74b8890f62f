using System.Text.Json.Nodes;
using CsCheck;
using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Conversion;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Testing;
using Palmyra.Tests.Tokenization;
using Palmyra.Tokenization;
using Xunit;

namespace Palmyra.Tests.Conversion;

/// <summary>A tokenizer through GGUF and back gives the same ids; what GGUF cannot state is refused.</summary>
public sealed class GgufVocabularyTests
{
    private const string Molecules = @"(\[[^\]]+\]|Br|Cl|%\d\d|.)";

    [Theory]
    [InlineData("two files", "{}")]
    [InlineData("tokenizer.json", "{}")]
    [InlineData("tokenizer.json", """{"pad_token": "<pad>", "added_tokens_decoder": {"267": {"content": "<pad>", "special": true}, "268": {"content": " tab", "special": false}}}""")]
    [InlineData("two files", """{"add_bos_token": true}""")]
    public void Ids_of_any_text_are_the_same(string form, string settings)
    {
        using var folder = new Gpt2Folder(config => config with { BosTokenId = null });
        if (form == "two files")
        {
            folder.AddFile("vocab.json", TinyVocabulary.VocabularyJson());
            folder.AddFile("merges.txt", TinyVocabulary.MergesText());
        }
        else
        {
            folder.AddFile("tokenizer.json", TinyVocabulary.TokenizerJson().ToJsonString());
        }

        folder.AddFile("tokenizer_config.json", settings);
        (GptTokenizer before, GptTokenizer after) = ThroughGguf(folder);
        Assert.Equal((before.BosId, before.EosId, before.PadId, before.UnkId), (after.BosId, after.EosId, after.PadId, after.UnkId));
        Assert.Equal(before.SpecialIds.Order(), after.SpecialIds.Order());
        Assert.Equal(Enumerable.Range(0, 270).Select(before.TokenText), Enumerable.Range(0, 270).Select(after.TokenText));
        Texts.Broken.Sample(
            text =>
            {
                foreach (bool parse in new[] { false, true })
                {
                    int[] ids = before.Encode(text, parseSpecial: parse);
                    Assert.Equal(ids, after.Encode(text, parseSpecial: parse));
                    Assert.Equal(before.Decode(ids), after.Decode(ids));
                    Assert.Equal(before.Decode(ids, skipSpecialTokens: true), after.Decode(ids, skipSpecialTokens: true));
                }

                Assert.Equal(before.EncodePrompt(text), after.EncodePrompt(text));
            },
            iter: 300,
            threads: 1);
    }

    [Fact]
    public void Roles_belong_to_tokens_there_are()
    {
        using var folder = new Gpt2Folder(config => config with { BosTokenId = 268, EosTokenIds = [269], PadTokenId = 267 });
        folder.AddFile("vocab.json", TinyVocabulary.VocabularyJson());
        folder.AddFile("merges.txt", TinyVocabulary.MergesText());
        (GptTokenizer before, GptTokenizer after) = ThroughGguf(folder);
        ModelConfig config = ModelConfigReader.ReadFile(Path.Combine(folder["back"], "config.json"));
        Assert.Equal((TinyVocabulary.EndOfText, TinyVocabulary.EndOfText, null), (after.BosId, after.EosId, after.PadId));
        Assert.Equal((TinyVocabulary.EndOfText, null), (config.BosTokenId, config.PadTokenId));
        Assert.Equal([TinyVocabulary.EndOfText], config.EosTokenIds);
        Assert.Equal(before.VocabularySize, after.VocabularySize);
    }

    [Fact]
    public void Words_of_a_word_level_vocabulary_keep_their_ids()
    {
        using var folder = new Gpt2Folder(config => config with { VocabularySize = 7, BosTokenId = 0, EosTokenIds = [1] });
        JsonObject json = TinyVocabulary.WordLevelJson();
        folder.AddFile("tokenizer.json", json.ToJsonString());
        folder.AddFile("tokenizer_config.json", """{"bos_token": "<BOS>", "eos_token": "<EOS>"}""");
        (GptTokenizer before, GptTokenizer after) = ThroughGguf(folder, new TokenizerOptions { SplitPattern = Molecules });
        foreach (string text in new[] { "CCl([nH])", "", "ClC", "<BOS>C<EOS>", "((Cl))" })
        {
            Assert.Equal(before.Encode(text), after.Encode(text));
            Assert.Equal(before.Decode(before.Encode(text)), after.Decode(after.Encode(text)));
        }
    }

    [SkippableFact]
    public void A_published_models_molecules_keep_their_ids()
    {
        string? source = SharedData.PathOrNull("checkpoints/chemts-gpt2-zinc/gpt2_0.2m");
        Skip.If(source is null, "../shared/checkpoints is absent: it is other people's model and not part of the repository.");
        using var folder = new Checkpoints.TemporaryFolder();
        using (Checkpoint checkpoint = Checkpoint.Open(source))
        {
            GgufExport.Write(checkpoint, folder["a.gguf"]);
        }

        GgufImport.Write(folder["a.gguf"], folder["back"]);
        GptTokenizer before = GptTokenizer.Open(source, new TokenizerOptions { SplitPattern = Molecules });
        GptTokenizer after = GptTokenizer.Open(folder["back"]);
        foreach (string molecule in new[]
        {
            "CC(C)(C)c1ccc2occ(CC(=O)Nc3ccccc3F)c2c1", "C[C@@H]1CC(Nc2cncc(-c3nncn3C)c2)C[C@@H](C)C1",
            "N#CC1=C(SCC(=O)Nc2cccc(Cl)c2)N=C([O-])[C@H](C#N)C12CCCCC2", "BrCl[nH+][nH][n+]",
        })
        {
            Assert.Equal(before.Encode(molecule), after.Encode(molecule));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(12)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(300)]
    [InlineData(70_000)]
    public void A_made_up_vocabulary_has_as_many_tokens_as_rows_and_merges_that_make_them(int rows)
    {
        GgufVocabulary vocabulary = GgufVocabulary.MadeUp(Gpt2Folder.Config with { VocabularySize = rows, PadTokenId = 7 }, "shape");
        Assert.Equal(rows, vocabulary.Tokens.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(rows, vocabulary.Kinds.Count);
        Assert.Equal((rows > 5 ? 5 : null, rows > 7 ? 7 : (int?)null), (vocabulary.Bos, vocabulary.Padding));
        Assert.Equal(rows > 265 ? [265] : [], vocabulary.Eos);
        Assert.Equal(new[] { 5, 7, 265 }.Where(id => id < rows), Enumerable.Range(0, rows).Where(id => vocabulary.Kinds[id] == TokenKind.Control));
        var known = new HashSet<string>(vocabulary.Tokens, StringComparer.Ordinal);
        int normal = vocabulary.Kinds.Count(kind => kind == TokenKind.Normal);
        Assert.Equal(Math.Max(0, normal - 256), vocabulary.Merges.Count);
        foreach (string merge in vocabulary.Merges)
        {
            string[] parts = merge.Split(' ');
            Assert.Equal(2, parts.Length);
            Assert.True(known.Contains(parts[0]) && known.Contains(parts[1]) && known.Contains(parts[0] + parts[1]), merge);
        }
    }

    [Theory]
    [InlineData(null, null, null)]
    [InlineData(null, 7, 3)]
    [InlineData(9, null, 9)]
    public void A_made_up_vocabulary_makes_up_no_roles(int? bos, int? pad, int? eos)
    {
        int[] ends = eos is int end ? [end, 11] : [];
        using var folder = new Gpt2Folder(config => config with { BosTokenId = bos, EosTokenIds = ends, PadTokenId = pad });
        using (Checkpoint checkpoint = Checkpoint.Open(folder.Root))
        {
            Assert.False(GgufExport.Write(checkpoint, folder["a.gguf"]).HasTokenizer);
        }

        Assert.False(GgufImport.Write(folder["a.gguf"], folder["back"]).HasTokenizer);
        ModelConfig after = ModelConfigReader.ReadFile(Path.Combine(folder["back"], "config.json"));
        Assert.Equal((bos, pad), (after.BosTokenId, after.PadTokenId));
        Assert.Equal(ends, after.EosTokenIds);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void More_than_two_tokens_that_end_a_text_are_refused(bool hasTokenizer)
    {
        using var folder = new Gpt2Folder(config => config with { EosTokenIds = [3, 4, 5, 4] });
        if (hasTokenizer)
        {
            folder.AddFile("vocab.json", TinyVocabulary.VocabularyJson());
            folder.AddFile("merges.txt", TinyVocabulary.MergesText());
        }

        string message = Refusal(folder);
        Assert.StartsWith(folder.Root, message, StringComparison.Ordinal);
        Assert.Contains("eos_token_id names 3 tokens that end a text, and a GGUF file has room for 2", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 2, 0, "'tokenizer.ggml.tokens' was expected to have at most 1 elements; found 2.")]
    [InlineData(2, 2, 1, "'tokenizer.ggml.merges' was expected to have at most 0 elements; found 1.")]
    [InlineData(3, 3, 0, "'tokenizer.ggml.token_type' was expected to have at most 3 elements; found 4.")]
    public void Lists_longer_than_the_model_calls_for_are_refused_before_they_are_read(int rows, int tokens, int merges, string fault)
    {
        using var folder = new Checkpoints.TemporaryFolder();
        var header = new GgufHeader();
        header.Add("tokenizer.ggml.model", "gpt2");
        header.Add("tokenizer.ggml.tokens", [.. Enumerable.Range(0, tokens).Select(id => ((char)('a' + id)).ToString())]);
        header.Add("tokenizer.ggml.token_type", Enumerable.Repeat(1, 4).ToArray());
        header.Add("tokenizer.ggml.merges", [.. Enumerable.Repeat("a b", merges)]);
        GgufWriter.Write(folder["v.gguf"], header, []);
        using GgufFile file = GgufFile.Open(folder["v.gguf"]);
        Assert.Equal(
            $"{folder["v.gguf"]}: {fault}",
            Assert.Throws<CheckpointException>(() => GgufVocabulary.Read(file.Metadata, file.Path, rows)).Message);
    }

    [Theory]
    [InlineData("""{"add_prefix_space": true}""", "puts a space in front")]
    [InlineData("""{"added_tokens_decoder": {"266": {"content": "<mask>", "lstrip": true, "special": true}}}""", "cuts '<mask>' out of texts by flags")]
    [InlineData("""{"added_tokens_decoder": {"270": {"content": "<more>", "special": true}}}""", "has ids up to 270, and the model's embedding has 270 rows")]
    public void What_a_vocabulary_in_GGUF_cannot_state_is_refused(string settings, string fault)
    {
        using var folder = new Gpt2Folder();
        folder.AddFile("vocab.json", TinyVocabulary.VocabularyJson());
        folder.AddFile("merges.txt", TinyVocabulary.MergesText());
        folder.AddFile("tokenizer_config.json", settings);
        Assert.Contains(fault, Refusal(folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"pre_tokenizer": {"type": "Whitespace"}}""", "splits texts into words")]
    [InlineData("""{"decoder": null}""", "joins them by rules of its own")]
    [InlineData("""{"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<EOS>"}}, {"Sequence": {"id": "A"}}], "special_tokens": {"<EOS>": {"ids": [1]}}}}""", "puts other tokens around a text")]
    public void Word_level_rules_beyond_looking_up_are_refused(string change, string fault)
    {
        using var folder = new Gpt2Folder(config => config with { VocabularySize = 7, BosTokenId = 0, EosTokenIds = [1] });
        JsonObject json = TinyVocabulary.WordLevelJson();
        foreach ((string name, JsonNode? value) in JsonNode.Parse(change)!.AsObject())
        {
            json[name] = value?.DeepClone();
        }

        folder.AddFile("tokenizer.json", json.ToJsonString());
        Assert.Contains(fault, Refusal(folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama", "gpt-2", "kind 'llama'")]
    [InlineData("gpt2", "llama-bpe", "splitting 'llama-bpe'")]
    public void Another_kind_of_tokenizer_is_refused(string model, string splitting, string fault)
    {
        var header = new GgufHeader();
        header.Add("tokenizer.ggml.model", model);
        header.Add("tokenizer.ggml.pre", splitting);
        Assert.Contains(fault, ReadRefusal(header, 1), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { "a", "b" }, new string[0], new[] { 1, 1 }, 0u, "has 2 tokens; the embedding has 3 rows")]
    [InlineData(new[] { "a", "b", "a" }, new string[0], new[] { 1, 1, 1 }, 0u, "token 'a' has id 2, but it already has id 0")]
    [InlineData(new[] { "a", "b", "cd" }, new[] { "a b" }, new[] { 1, 1, 1 }, 0u, "needs the token 'ab'")]
    [InlineData(new[] { "a", "b", "ab" }, new[] { "ab" }, new[] { 1, 1, 1 }, 0u, "is not a merge")]
    [InlineData(new[] { "a", "b", "ab" }, new[] { "a b" }, new[] { 1, 1, 7 }, 0u, "token 2 has type 7")]
    [InlineData(new[] { "a", "b", "ab" }, new[] { "a b" }, new[] { 1, 1 }, 0u, "has 2 entries; there are 3 tokens")]
    [InlineData(new[] { "a", "b", "ab" }, new[] { "a b" }, new[] { 1, 1, 1 }, 3u, "'tokenizer.ggml.bos_token_id' is 3, which no token has")]
    [InlineData(new[] { "a", "b", "ab" }, new[] { "a b" }, new[] { 5, 1, 1 }, 1u, "needs the token 'a'")]
    public void A_damaged_vocabulary_is_refused(string[] tokens, string[] merges, int[] kinds, uint bos, string fault)
    {
        var header = new GgufHeader();
        header.Add("tokenizer.ggml.model", "gpt2");
        header.Add("tokenizer.ggml.tokens", tokens);
        header.Add("tokenizer.ggml.token_type", kinds);
        header.Add("tokenizer.ggml.merges", merges);
        header.Add("tokenizer.ggml.bos_token_id", bos);
        Assert.Contains(fault, ReadRefusal(header, 3), StringComparison.Ordinal);
    }

    private static string ReadRefusal(GgufHeader header, int rows)
    {
        using var folder = new Checkpoints.TemporaryFolder();
        GgufWriter.Write(folder["v.gguf"], header, []);
        using GgufFile file = GgufFile.Open(folder["v.gguf"]);
        return Assert.Throws<TokenizationException>(() => GgufVocabulary.Read(file.Metadata, file.Path, rows)).Message;
    }

    private static (GptTokenizer Before, GptTokenizer After) ThroughGguf(Gpt2Folder folder, TokenizerOptions? options = null)
    {
        using (Checkpoint checkpoint = Checkpoint.Open(folder.Root))
        {
            Assert.True(GgufExport.Write(checkpoint, folder["a.gguf"]).HasTokenizer);
        }

        Assert.True(GgufImport.Write(folder["a.gguf"], folder["back"]).HasTokenizer);
        return (GptTokenizer.Open(folder.Root, options), GptTokenizer.Open(folder["back"]));
    }

    private static string Refusal(Gpt2Folder folder)
    {
        using Checkpoint checkpoint = Checkpoint.Open(folder.Root);
        string message = Assert.Throws<TokenizationException>(() => GgufExport.Write(checkpoint, folder["a.gguf"])).Message;
        Assert.False(File.Exists(folder["a.gguf"]));
        return message;
    }
}
