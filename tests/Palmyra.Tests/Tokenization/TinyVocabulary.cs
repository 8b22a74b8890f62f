using System.Text.Json.Nodes;
using Palmyra.Tests.Checkpoints;
using Palmyra.Tokenization;

namespace Palmyra.Tests.Tokenization;

/// <summary>A self-made byte-level vocabulary: all bytes, a handful of merges, one special token; written in each of the three forms.</summary>
internal static class TinyVocabulary
{
    public const int EndOfText = 256 + 9;

    // é is C3 A9, spelled "Ã©".
    public static readonly string[] Merges = ["Ġ t", "h e", "Ġt he", "l l", "o w", "Ã ©", "Ġ Ġ", "l o", "ĠĠ ĠĠ"];

    public static Dictionary<string, int> Tokens()
    {
        var tokens = new Dictionary<string, int>();
        for (var value = 0; value < 256; value++)
        {
            tokens.Add(ByteAlphabet.CharacterOf((byte)value).ToString(), value);
        }
        foreach (var merge in Merges)
        {
            tokens.Add(merge.Replace(" ", "", StringComparison.Ordinal), tokens.Count);
        }
        tokens.Add("<|endoftext|>", EndOfText);
        return tokens;
    }

    public static string VocabularyJson() => ToJson(Tokens()).ToJsonString();

    public static string MergesText() => "#version: 0.2\n" + string.Join('\n', Merges) + "\n";

    public static JsonObject TokenizerJson(bool pairs = false) => new()
    {
        ["version"] = "1.0",
        ["added_tokens"] = new JsonArray(new JsonObject { ["id"] = EndOfText, ["content"] = "<|endoftext|>", ["special"] = true }),
        ["normalizer"] = null,
        ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true },
        ["post_processor"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = true, ["trim_offsets"] = false },
        ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
        ["model"] = new JsonObject
        {
            ["type"] = "BPE",
            ["vocab"] = ToJson(Tokens()),
            ["merges"] = new JsonArray([.. Merges.Select(merge => (JsonNode)(pairs ? new JsonArray([.. merge.Split(' ').Select(part => JsonValue.Create(part))]) : merge))]),
        },
    };

    public static JsonObject WordLevelJson() => new()
    {
        ["added_tokens"] = new JsonArray(
            new JsonObject { ["id"] = 0, ["content"] = "<BOS>", ["special"] = true }, new JsonObject { ["id"] = 1, ["content"] = "<EOS>", ["special"] = true }),
        ["pre_tokenizer"] = new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray() },
        ["post_processor"] = new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = new JsonArray(
                new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = "<BOS>", ["type_id"] = 0 } },
                new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } },
                new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = "<EOS>", ["type_id"] = 0 } }),
            ["special_tokens"] = new JsonObject
            {
                ["<BOS>"] = new JsonObject { ["ids"] = new JsonArray(0) },
                ["<EOS>"] = new JsonObject { ["ids"] = new JsonArray(1) },
            },
        },
        ["decoder"] = new JsonObject { ["type"] = "Sequence", ["decoders"] = new JsonArray() },
        ["model"] = new JsonObject
        {
            ["type"] = "WordLevel",
            ["vocab"] = ToJson(new Dictionary<string, int> { ["<BOS>"] = 0, ["<EOS>"] = 1, ["C"] = 2, ["Cl"] = 3, ["("] = 4, [")"] = 5, ["[nH]"] = 6 }),
        },
    };

    public static void WriteTwoFiles(TemporaryFolder folder)
    {
        File.WriteAllText(folder["vocab.json"], VocabularyJson());
        File.WriteAllText(folder["merges.txt"], MergesText());
    }

    /// <summary>Opens the two-file form with further files beside it.</summary>
    public static GptTokenizer Open(TokenizerOptions? options = null, params ReadOnlySpan<(string Name, string Content)> files)
    {
        using var folder = new TemporaryFolder();
        WriteTwoFiles(folder);
        foreach (var (name, content) in files)
        {
            File.WriteAllText(folder[name], content);
        }
        return GptTokenizer.Open(folder.Root, options);
    }

    /// <summary>Opens a folder that holds tokenizer.json alone.</summary>
    public static GptTokenizer OpenJson(JsonObject content, TokenizerOptions? options = null)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer.json"], content.ToJsonString());
        return GptTokenizer.Open(folder.Root, options);
    }

    private static JsonObject ToJson(Dictionary<string, int> tokens)
    {
        var entries = new JsonObject();
        foreach (var (token, id) in tokens)
        {
            entries[token] = id;
        }
        return entries;
    }
}
