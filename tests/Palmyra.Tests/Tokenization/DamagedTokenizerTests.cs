using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Palmyra.Diagnostics;
using Palmyra.Tests.Checkpoints;
using Palmyra.Tokenization;

namespace Palmyra.Tests.Tokenization;

/// <summary>Missing, contradicting and damaged files are refused with a TokenizationException that names the file; nothing else is ever thrown.</summary>
/// <remarks>A failing property prints CsCheck's seed; CsCheck_Seed repeats it.</remarks>
public sealed class DamagedTokenizerTests
{
    [Fact]
    public void AFolderWithoutATokenizerIsNamedWithWhatWouldDo()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["vocab.json"], TinyVocabulary.VocabularyJson());
        var message = Assert.Throws<TokenizationException>(() => GptTokenizer.Open(folder.Root)).Message;
        Assert.Contains(folder.Root, message, StringComparison.Ordinal);
        Assert.Contains("vocab.json with merges.txt", message, StringComparison.Ordinal);
        Assert.Throws<TokenizationException>(() => GptTokenizer.Open(folder["nothing"]));
    }

    [Theory]
    [InlineData("vocab.json", "", "JSON")]
    [InlineData("vocab.json", "[1]", "an object")]
    [InlineData("vocab.json", "{}", "empty")]
    [InlineData("vocab.json", """{"a": "1"}""", "'a'")]
    [InlineData("vocab.json", """{"a": 1.5}""", "'a'")]
    [InlineData("vocab.json", """{"a": -1}""", "-1")]
    [InlineData("vocab.json", """{"a": 2000000000}""", "2000000000")]
    [InlineData("vocab.json", """{"a": 99999999999999}""", "'a'")]
    [InlineData("vocab.json", """{"a": 1, "b": 1}""", "id 1")]
    [InlineData("vocab.json", """{"a": 1, "a": 2}""", "'a'")]
    [InlineData("vocab.json", """{"\ud800": 1}""", "Unicode")]
    [InlineData("merges.txt", "#version: 0.2\nq q\n", "'qq'")]
    [InlineData("merges.txt", "h e\nh e\n", "second time")]
    [InlineData("merges.txt", "h e l\n", "line 1")]
    [InlineData("merges.txt", "he\n", "line 1")]
    [InlineData("tokenizer_config.json", """{"bos_token": "<s>"}""", "'<s>'")]
    [InlineData("tokenizer_config.json", """{"bos_token": 3}""", "bos_token")]
    [InlineData("tokenizer_config.json", """{"bos_token": {}}""", "content")]
    [InlineData("tokenizer_config.json", """{"add_prefix_space": "yes"}""", "add_prefix_space")]
    [InlineData("tokenizer_config.json", """{"model_max_length": "long"}""", "model_max_length")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"x": {"content": "y"}}}""", "'x'")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"5": {"content": "y"}}}""", "'y'")]
    [InlineData("special_tokens_map.json", """{"additional_special_tokens": ["<q>"]}""", "'<q>'")]
    [InlineData("added_tokens.json", """{"<q>": 3}""", "id 3")]
    [InlineData("added_tokens.json", """["<q>"]""", "an object")]
    public void DamageIsNamed(string file, string content, string expected)
    {
        using var folder = new TemporaryFolder();
        TinyVocabulary.WriteTwoFiles(folder);
        File.WriteAllText(folder[file], content);
        var message = Assert.Throws<TokenizationException>(() => GptTokenizer.Open(folder.Root)).Message;
        Assert.Contains(file, message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("normalizer", """{"type": "NFC"}""", "NFC")]
    [InlineData("pre_tokenizer", """{"type": "Metaspace"}""", "Metaspace")]
    [InlineData("pre_tokenizer", "null", "ByteLevel")]
    [InlineData("post_processor", """{"type": "BertProcessing"}""", "BertProcessing")]
    [InlineData("post_processor", """{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "<q>"}}]}""", "'<q>'")]
    [InlineData("post_processor", """{"type": "TemplateProcessing", "single": []}""", "leaves the text out")]
    [InlineData("added_tokens", """[{"content": "x"}]""", "\"id\"")]
    [InlineData("added_tokens", """[{"id": 1, "content": "xx"}]""", "'xx'")]
    [InlineData("model", "null", "model")]
    [InlineData("model", """{"type": "Unigram", "vocab": {"a": 0}}""", "Unigram")]
    [InlineData("model", """{"type": "BPE", "vocab": {"a": 0}}""", "merges")]
    [InlineData("model", """{"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]}""", "merge 0")]
    [InlineData("model", """{"type": "BPE", "vocab": {"a": 0}, "merges": [], "ignore_merges": true}""", "ignore_merges")]
    [InlineData("model", """{"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}""", "dropout")]
    [InlineData("model", """{"type": "BPE", "vocab": {"a": 0}, "merges": [], "end_of_word_suffix": "</w>"}""", "</w>")]
    public void WhatTokenizerJsonAsksForAndIsNotSupportedIsNamed(string member, string value, string expected)
    {
        var json = TinyVocabulary.TokenizerJson();
        json[member] = JsonNode.Parse(value);
        Assert.Contains(expected, Assert.Throws<TokenizationException>(() => TinyVocabulary.OpenJson(json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MoreThanAnyTokenizerNeedsIsRefusedBeforeItTakesTimeAndMemory()
    {
        using var folder = new TemporaryFolder();
        TinyVocabulary.WriteTwoFiles(folder);
        File.WriteAllText(folder["added_tokens.json"], "{" + string.Join(',', Enumerable.Range(1000, 200_000).Select(id => $"\"<added {id}>\":{id}")) + "}");
        Assert.Contains("characters together", Assert.Throws<TokenizationException>(() => GptTokenizer.Open(folder.Root)).Message, StringComparison.Ordinal);

        var json = TinyVocabulary.WordLevelJson();
        json["pre_tokenizer"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["pretokenizers"] = new JsonArray([.. Enumerable.Range(0, 1000).Select(_ => new JsonObject { ["type"] = "Whitespace" })]),
        };
        Assert.Contains("more than 64", Assert.Throws<TokenizationException>(() => TinyVocabulary.OpenJson(json)).Message, StringComparison.Ordinal);

        // Nested as deep as this the framework compiles and runs it for ten seconds.
        var options = new TokenizerOptions { SplitPattern = new string('(', 200_000) + "C" + new string(')', 200_000) };
        var failure = Assert.Throws<TokenizationException>(() => TinyVocabulary.OpenJson(TinyVocabulary.WordLevelJson(), options));
        Assert.Contains("400001 characters", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OfAddedTokensThatBeginAtOnePlaceTheLongestIsCutOut()
    {
        using var folder = new TemporaryFolder();
        TinyVocabulary.WriteTwoFiles(folder);
        File.WriteAllText(folder["added_tokens.json"], """{"<a":400,"<a>":401,"<a>b":402,"b<":403}""");
        var tokenizer = GptTokenizer.Open(folder.Root);
        Assert.Equal([402, 401, 400, 403], tokenizer.Encode("<a>b<a><ab<"));
    }

    [Theory]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    public void RandomDamageIsSurvived(string file)
    {
        using var folder = new TemporaryFolder();
        TinyVocabulary.WriteTwoFiles(folder);
        var original = Encoding.UTF8.GetBytes(file switch
        {
            "vocab.json" => TinyVocabulary.VocabularyJson(),
            "merges.txt" => TinyVocabulary.MergesText(),
            "tokenizer.json" => TinyVocabulary.WordLevelJson().ToJsonString(),
            _ => """{"bos_token":"<|endoftext|>","pad_token":{"content":"a","lstrip":true},"model_max_length":512,"added_tokens_decoder":{"300":{"content":"<x>","special":true}}}""",
        });
        var refused = 0;
        var structural = Encoding.ASCII.GetBytes("{}[]\",:0129-eE.\\u null<>");
        var edit = Gen.Select(Gen.Int[0, 3], Gen.Int[0, original.Length - 1], Gen.Int[1, 12], Gen.Frequency((1, Gen.Byte), (3, Gen.Int[0, structural.Length - 1].Select(i => structural[i]))));
        edit.List[1, 3].Sample(edits =>
        {
            var bytes = original.ToList();
            foreach (var (kind, at, count, value) in edits)
            {
                var position = Math.Min(at, bytes.Count);
                var length = Math.Min(count, bytes.Count - position);
                switch (kind)
                {
                    case 0 when length > 0:
                        bytes[position] = value;
                        break;
                    case 1:
                        bytes.RemoveRange(position, length);
                        break;
                    case 2:
                        bytes.Insert(position, value);
                        break;
                    default:
                        bytes.InsertRange(position, bytes.GetRange(position, length));
                        break;
                }
            }
            File.WriteAllBytes(folder[file], [.. bytes]);
            try
            {
                var tokenizer = GptTokenizer.Open(folder.Root, file == "tokenizer.json" ? new TokenizerOptions { SplitPattern = "Cl|." } : null);
                tokenizer.Decode(tokenizer.Encode("the Cl é <|endoftext|> \U0001F44D"));
            }
            catch (TokenizationException)
            {
                Interlocked.Increment(ref refused);
            }
        }, iter: 600, threads: 1);
        Assert.True(refused > 100, $"only {refused} of 600 damaged files were refused");
    }
}
