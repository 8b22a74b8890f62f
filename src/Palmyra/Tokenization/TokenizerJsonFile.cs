using System.Text.Json;
using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>Reads tokenizer.json, the one-file form of transformers' fast tokenizers: byte-level BPE and word-level models.</summary>
/// <remarks>What it asks for and this engine does not do is refused by name. Truncation and padding settings are left to the caller, as transformers does.</remarks>
internal static class TokenizerJsonFile
{
    // Each takes time for every text, so a file may not name as many as it has room for.
    private const int MaxComponents = 64;

    public static TokenizerDefinition Read(string path, TokenizerOptions options) => JsonFile.Read(path, root => Read(path, root, options));

    private static TokenizerDefinition Read(string path, JsonElement root, TokenizerOptions options)
    {
        var model = JsonFile.Object(path, root, "model")
            ?? throw new TokenizationException($"{path} has no \"model\"; expected a tokenizer.json as transformers saves it.");
        if (JsonFile.Object(path, root, "normalizer") is { } normalizer && Flatten(path, normalizer, "normalizers").Count > 0)
        {
            throw Unsupported(path, "normalizer", TypeOf(path, normalizer), "none, as GPT-2's tokenizer has");
        }
        var entries = JsonFile.Object(path, model, "vocab")
            ?? throw new TokenizationException($"{path}: the model has no \"vocab\"; the file is damaged.");
        // Files before version 0.20 or so may leave out the type of a BPE model.
        var type = JsonFile.Text(path, model, "type") ?? (JsonFile.Array(path, model, "merges") is null ? "" : "BPE");
        if (type is not ("BPE" or "WordLevel"))
        {
            throw Unsupported(path, "model", type, "BPE or WordLevel");
        }
        var vocabulary = VocabularyFiles.ReadVocabulary(path, entries);
        var preTokenizers = JsonFile.Object(path, root, "pre_tokenizer") is { } preTokenizer ? Flatten(path, preTokenizer, "pretokenizers") : [];
        var definition = new TokenizerDefinition(path, vocabulary) { UnknownToken = JsonFile.Text(path, model, "unk_token") };
        // Merges are read before added tokens join the vocabulary: no merge may speak of those.
        definition = type == "BPE"
            ? definition with { BytePairs = ReadBytePairs(path, model, vocabulary, preTokenizers) }
            : definition with
            {
                Splitters = options.SplitPattern is null ? ReadSplitters(path, preTokenizers) : null,
                Separator = ReadSeparator(path, root),
            };
        definition = definition with { AddedTokens = ReadAddedTokens(path, root, vocabulary) };
        return WithTemplate(path, root, definition);
    }

    private static BytePairRules ReadBytePairs(string path, JsonElement model, Vocabulary vocabulary, List<JsonElement> preTokenizers)
    {
        foreach (var name in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (JsonFile.Text(path, model, name) is { Length: > 0 } affix)
            {
                throw Unsupported(path, name, affix, "none, as byte-level vocabularies have");
            }
        }
        foreach (var name in (ReadOnlySpan<string>)["byte_fallback", "ignore_merges", "fuse_unk"])
        {
            if (JsonFile.Flag(path, model, name) ?? false)
            {
                throw Unsupported(path, name, "true", "false, as byte-level vocabularies have");
            }
        }
        if (JsonFile.Member(model, "dropout") is { } dropout && (dropout.ValueKind != JsonValueKind.Number || !dropout.TryGetDouble(out var rate) || rate != 0))
        {
            throw Unsupported(path, "dropout", dropout.GetRawText(), "none: encoding must not be random");
        }
        if (preTokenizers is not [var only] || TypeOf(path, only) != "ByteLevel")
        {
            throw Unsupported(path, "pre_tokenizer", string.Join(", ", preTokenizers.Select(each => TypeOf(path, each))), "ByteLevel alone");
        }
        return new BytePairRules(ReadMerges(path, model, vocabulary))
        {
            AddPrefixSpace = JsonFile.Flag(path, only, "add_prefix_space") ?? false,
            SplitsPieces = JsonFile.Flag(path, only, "use_regex") ?? true,
        };
    }

    private static List<string> ReadMerges(string path, JsonElement model, Vocabulary vocabulary)
    {
        var entries = JsonFile.Array(path, model, "merges")
            ?? throw new TokenizationException($"{path}: the BPE model has no \"merges\"; the file is damaged.");
        var merges = new List<string>(entries.GetArrayLength());
        var check = new VocabularyFiles.MergeCheck(path, vocabulary);
        foreach (var entry in entries.EnumerateArray())
        {
            var merge = entry.ValueKind switch
            {
                JsonValueKind.String => entry.GetString()!,
                JsonValueKind.Array when entry.GetArrayLength() == 2 && entry[0].ValueKind == JsonValueKind.String && entry[1].ValueKind == JsonValueKind.String =>
                    $"{entry[0].GetString()} {entry[1].GetString()}",
                _ => throw JsonFile.Wrong(path, $"merge {merges.Count}", "a string of two tokens or an array of two", entry),
            };
            check.Add(merge, $"merge {merges.Count}");
            merges.Add(merge);
        }
        return merges;
    }

    private static List<WordSplitter>? ReadSplitters(string path, List<JsonElement> preTokenizers)
    {
        var splitters = new List<WordSplitter>();
        foreach (var entry in preTokenizers)
        {
            splitters.Add(TypeOf(path, entry) switch
            {
                "Whitespace" => WordSplitter.WordsAndSymbols,
                "WhitespaceSplit" => WordSplitter.WhiteSpace,
                "Split" => ReadSplit(path, entry),
                var type => throw Unsupported(path, "pre_tokenizer", type, "Whitespace, WhitespaceSplit or Split for a word-level model"),
            });
        }
        return splitters.Count > 0 ? splitters : null;
    }

    private static WordSplitter ReadSplit(string path, JsonElement entry)
    {
        var pattern = JsonFile.Object(path, entry, "pattern") is not { } stated ? null
            : JsonFile.Text(path, stated, "Regex")
            ?? (JsonFile.Text(path, stated, "String") is { } literal ? System.Text.RegularExpressions.Regex.Escape(literal) : null);
        if (pattern is null)
        {
            throw new TokenizationException($"{path}: a Split pre_tokenizer has no \"pattern\" with \"Regex\" or \"String\"; the file is damaged.");
        }
        var removes = JsonFile.Text(path, entry, "behavior") switch
        {
            "Removed" => true,
            "Isolated" => false,
            var other => throw Unsupported(path, "Split behaviour", other ?? "", "Removed or Isolated"),
        };
        return WordSplitter.Split(pattern, removes, JsonFile.Flag(path, entry, "invert") ?? false, path);
    }

    // Without a decoder transformers joins words with spaces; with an empty or fusing one it joins them as they are.
    private static string ReadSeparator(string path, JsonElement root)
    {
        if (JsonFile.Object(path, root, "decoder") is not { } decoder)
        {
            return " ";
        }
        foreach (var entry in Flatten(path, decoder, "decoders"))
        {
            if (TypeOf(path, entry) is not "Fuse" and var type)
            {
                throw Unsupported(path, "decoder", type, "none, Fuse or an empty sequence for a word-level model");
            }
        }
        return "";
    }

    private static List<AddedToken> ReadAddedTokens(string path, JsonElement root, Vocabulary vocabulary)
    {
        var added = new List<AddedToken>();
        if (JsonFile.Array(path, root, "added_tokens") is not { } entries)
        {
            return added;
        }
        foreach (var entry in entries.EnumerateArray())
        {
            JsonFile.Expect(path, "an entry of \"added_tokens\"", entry, JsonValueKind.Object);
            var id = JsonFile.Member(entry, "id") is { } value
                ? JsonFile.Id(path, "the id of an added token", value)
                : throw new TokenizationException($"{path}: an entry of \"added_tokens\" has no \"id\"; the file is damaged.");
            var token = TokenizerConfig.ReadAddedToken(path, id, entry);
            vocabulary.Add(token.Content, id, path);
            added.Add(token);
        }
        return added;
    }

    private static TokenizerDefinition WithTemplate(string path, JsonElement root, TokenizerDefinition definition)
    {
        if (JsonFile.Object(path, root, "post_processor") is not { } processor)
        {
            return definition;
        }
        foreach (var entry in Flatten(path, processor, "processors"))
        {
            switch (TypeOf(path, entry))
            {
                case "ByteLevel":
                    break;
                case "TemplateProcessing":
                    var (prefix, suffix) = ReadTemplate(path, entry, definition.Vocabulary);
                    definition = definition with { Prefix = [.. prefix, .. definition.Prefix], Suffix = [.. definition.Suffix, .. suffix] };
                    break;
                case var type:
                    throw Unsupported(path, "post_processor", type, "ByteLevel or TemplateProcessing");
            }
        }
        return definition;
    }

    private static (List<int> Prefix, List<int> Suffix) ReadTemplate(string path, JsonElement template, Vocabulary vocabulary)
    {
        var single = JsonFile.Array(path, template, "single")
            ?? throw new TokenizationException($"{path}: the TemplateProcessing post_processor has no \"single\"; the file is damaged.");
        List<int> prefix = [];
        List<int> suffix = [];
        var pastText = false;
        foreach (var part in single.EnumerateArray())
        {
            JsonFile.Expect(path, "a part of the template", part, JsonValueKind.Object);
            if (JsonFile.Object(path, part, "SpecialToken") is { } special)
            {
                var name = JsonFile.Text(path, special, "id");
                (pastText ? suffix : prefix).AddRange(TemplateIds(path, template, name, vocabulary));
            }
            else if (!pastText && JsonFile.Object(path, part, "Sequence") is not null)
            {
                pastText = true;
            }
            else
            {
                throw new TokenizationException($"{path}: the template for one text must hold special tokens and the text once; the file is damaged.");
            }
        }
        return pastText ? (prefix, suffix) : throw new TokenizationException($"{path}: the template for one text leaves the text out; the file is damaged.");
    }

    private static List<int> TemplateIds(string path, JsonElement template, string? name, Vocabulary vocabulary)
    {
        var ids = new List<int>();
        if (name is not null && JsonFile.Object(path, template, "special_tokens") is { } table && JsonFile.Object(path, table, name) is { } entry
            && JsonFile.Array(path, entry, "ids") is { } listed)
        {
            foreach (var value in listed.EnumerateArray())
            {
                var id = JsonFile.Id(path, $"an id of the template's '{name}'", value);
                ids.Add(vocabulary.SpellingOf(id) is not null
                    ? id
                    : throw new TokenizationException($"{path}: the template's '{name}' has id {id}, which no token has; the file is damaged."));
            }
        }
        return ids.Count > 0 ? ids : throw new TokenizationException($"{path}: the template's special token '{name}' has no ids; the file is damaged.");
    }

    /// <summary>A component as a list: a Sequence's members, or itself.</summary>
    private static List<JsonElement> Flatten(string path, JsonElement component, string members)
    {
        if (TypeOf(path, component) != "Sequence")
        {
            return [component];
        }
        var list = new List<JsonElement>();
        if (JsonFile.Array(path, component, members) is { } entries)
        {
            foreach (var entry in entries.EnumerateArray())
            {
                JsonFile.Expect(path, $"an entry of \"{members}\"", entry, JsonValueKind.Object);
                list.AddRange(Flatten(path, entry, members));
                if (list.Count > MaxComponents)
                {
                    throw new TokenizationException($"{path}: \"{members}\" holds more than {MaxComponents} components; the file is damaged.");
                }
            }
        }
        return list;
    }

    private static string TypeOf(string path, JsonElement component) =>
        JsonFile.Text(path, component, "type") ?? throw new TokenizationException($"{path}: a component has no \"type\"; the file is damaged.");

    private static TokenizationException Unsupported(string path, string what, string found, string expected) =>
        new($"{path}: {what} '{found}' is not supported, expected {expected}; use a tokenizer of the GPT-2 kind.");
}
