using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using CsCheck;
using Microsoft.ML.Tokenizers;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;
using Palmyra.Tokenization;

namespace Palmyra.Tests.Tokenization;

/// <summary>Recorded ids of real vocabularies: they are other people's, so these tests skip where the folder of shared data is absent.</summary>
public sealed class GptTokenizerGoldenTests
{
    private static readonly string? Folder = SharedData.PathOrNull("data/gpt2-tokenizer");
    private static readonly Lazy<GptTokenizer> Gpt2 = new(() => OpenWith(("encoder.json", "encoder.json"), ("vocab.bpe", "vocab.bpe")));

    [SkippableFact]
    public void TransformersCasesAreReproduced()
    {
        RequireVocabulary();
        using var recorded = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("tokenizer-gpt2.json")));
        var cases = recorded.RootElement.GetProperty("cases");
        Assert.Equal(207, cases.GetArrayLength());
        foreach (var each in cases.EnumerateArray())
        {
            var text = each.GetProperty("text").GetString()!;
            Assert.Equal(Ids(each), Gpt2.Value.Encode(text));
            Assert.Equal(Ids(each), Gpt2.Value.EncodeWithOffsets(text).Select(span => span.Id));
            Assert.Equal(each.GetProperty("decoded").GetString(), Gpt2.Value.Decode(Ids(each)));
        }
        var prefixes = recorded.RootElement.GetProperty("decode_prefixes");
        Assert.Equal(24, prefixes.GetArrayLength());
        foreach (var each in prefixes.EnumerateArray())
        {
            Assert.Equal(each.GetProperty("decoded").GetString(), Gpt2.Value.Decode(Ids(each)));
            var detokenizer = new Detokenizer(Gpt2.Value);
            Assert.Equal(each.GetProperty("decoded").GetString(), string.Concat(Ids(each).Select(detokenizer.Push)) + detokenizer.Flush());
        }
    }

    [SkippableFact]
    public void TinyShakespearesIdsAreReproduced()
    {
        RequireVocabulary();
        var folder = SharedData.PathOrNull("data/tinyshakespeare");
        Skip.If(folder is null, "the folder of shared data has no tinyshakespeare");
        var text = File.ReadAllBytes(Path.Combine(folder!, "input.txt"));
        Assert.Equal(1_115_394, text.Length);
        AssertIds(Path.Combine(folder!, "gpt2_train.u16.bin"), 304_222, Encoding.UTF8.GetString(text[..1_011_177]), Gpt2.Value);
        AssertIds(Path.Combine(folder!, "gpt2_val.u16.bin"), 33_803, Encoding.UTF8.GetString(text[^104_217..]), Gpt2.Value);
    }

    [SkippableFact]
    public void StorytellersValidationIdsAreReproduced()
    {
        var path = SharedData.PathOrNull("data/classics/valid.txt");
        Skip.If(path is null, "the folder of shared data has no classics/valid.txt");
        var storyteller = GptTokenizer.Open(Path.Combine(Fixtures.RepositoryRoot, "src", "Palmyra.Storyteller", "storyteller"));
        var expected = ReadIds(Fixtures.Path("storyteller/valid-first-100000.u16.bin"));
        // The text of the recorded ids must stand in the file as it is, book by book, and encode to the same ids.
        var whole = File.ReadAllText(path!);
        var start = 0;
        for (var end = 0; end <= expected.Length; end++)
        {
            if (end < expected.Length && expected[end] != storyteller.EosId)
            {
                continue;
            }
            var book = expected[start..end];
            var text = storyteller.Decode(book);
            Assert.Contains(text.TrimEnd('\uFFFD'), whole, StringComparison.Ordinal);
            var encoded = storyteller.Encode(text);
            // The last book is cut at 100,000 ids, so its last word may have been cut too.
            var compared = end < expected.Length ? book.Length : book.Length - 20;
            Assert.Equal(book[..compared], encoded[..compared]);
            start = end + 1;
        }
    }

    [SkippableFact]
    public void TiktokensConstructionAgrees()
    {
        RequireVocabulary();
        var special = new Dictionary<string, int> { ["<|endoftext|>"] = 50256 };
        using var ranks = Ranks();
        // Its pattern is .NET's, which takes letters beyond U+FFFF for symbols; the recorded cases hold those, so this is asked about the rest.
        var pattern = new System.Text.RegularExpressions.Regex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+");
        var tiktoken = TiktokenTokenizer.Create(ranks, new RegexPreTokenizer(pattern, special), null, special);
        Texts.Unicode.Where(text => !text.Any(char.IsSurrogate)).Sample(text => Assert.Equal(tiktoken.EncodeToIds(text), Gpt2.Value.Encode(text)), iter: 1500);
        if (SharedData.PathOrNull("data/tinyshakespeare/input.txt") is { } path)
        {
            var text = File.ReadAllText(path);
            Assert.Equal(tiktoken.EncodeToIds(text), Gpt2.Value.Encode(text));
        }
    }

    [SkippableFact]
    public void TheThreeFormsAgree()
    {
        RequireVocabulary();
        var renamed = OpenWith(("encoder.json", "vocab.json"), ("vocab.bpe", "merges.txt"));
        var single = OpenWith(("tokenizer.json", "tokenizer.json"));
        foreach (var tokenizer in (ReadOnlySpan<GptTokenizer>)[Gpt2.Value, renamed, single])
        {
            Assert.Equal((50257, 50256, 50256, 50256, null), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId, tokenizer.UnkId, tokenizer.PadId));
            Assert.Equal([50256], tokenizer.SpecialIds);
        }
        Texts.Broken.Sample(text =>
        {
            var expected = Gpt2.Value.EncodeWithOffsets(text);
            Assert.Equal(expected, renamed.EncodeWithOffsets(text));
            Assert.Equal(expected, single.EncodeWithOffsets(text));
        }, iter: 500);
    }

    [SkippableFact]
    public void AMoleculeIsSplitAsStated()
    {
        var folder = SharedData.PathOrNull("checkpoints/chemts-gpt2-zinc/gpt2_0.2m");
        Skip.If(folder is null, "the folder of shared data has no chemts-gpt2-zinc checkpoint");
        var tokenizer = GptTokenizer.Open(folder!, new TokenizerOptions { SplitPattern = @"(\[[^\]]+\]|Br|Cl|%\d\d|.)" });
        Assert.Equal((13, 14, 64), (tokenizer.BosId, tokenizer.EosId, tokenizer.PadId));
        const string Molecule = "C[C@@H]1CC(Nc2cncc(-c3nncn3C)c2)C[C@@H](C)C1";
        var ids = tokenizer.Encode(Molecule);
        Assert.Equal([13, 17, 25, 5, 17, 17, 1], ids[..7]);
        Assert.Equal(14, ids[^1]);
        Assert.Equal(Molecule, tokenizer.Decode(ids, skipSpecialTokens: true));
    }

    private static void RequireVocabulary() => Skip.If(Folder is null, "the folder of shared data has no GPT-2 vocabulary");

    private static GptTokenizer OpenWith(params (string Source, string Name)[] files)
    {
        using var folder = new TemporaryFolder();
        foreach (var (source, name) in files)
        {
            File.WriteAllBytes(folder[name], File.ReadAllBytes(Path.Combine(Folder!, source)));
        }
        return GptTokenizer.Open(folder.Root);
    }

    // tiktoken's file: base64 of a token's bytes and its rank, a line each.
    private static MemoryStream Ranks()
    {
        var lines = new StringBuilder();
        for (var id = 0; id < 50256; id++)
        {
            lines.Append(Convert.ToBase64String(ByteAlphabet.BytesOf(Gpt2.Value.TokenText(id))!)).Append(' ').Append(id).Append('\n');
        }
        return new MemoryStream(Encoding.ASCII.GetBytes(lines.ToString()));
    }

    private static void AssertIds(string path, int count, string text, GptTokenizer tokenizer)
    {
        var expected = ReadIds(path);
        Assert.Equal(count, expected.Length);
        Assert.Equal(expected, tokenizer.Encode(text));
        Assert.Equal(text, tokenizer.Decode(expected));
    }

    private static int[] ReadIds(string path)
    {
        var bytes = File.ReadAllBytes(path);
        return [.. Enumerable.Range(0, bytes.Length / 2).Select(i => (int)BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(i * 2)))];
    }

    private static int[] Ids(JsonElement each) => [.. each.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
}
