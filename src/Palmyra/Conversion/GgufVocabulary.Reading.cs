using System.Text.Json;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Diagnostics;
using Palmyra.Tokenization;

namespace Palmyra.Conversion;

/// <summary>The way back: from metadata to the tokenizer files of a folder.</summary>
internal sealed partial record GgufVocabulary
{
    /// <summary>Reads the vocabulary of a file.</summary>
    /// <param name="metadata">The file's metadata.</param>
    /// <param name="path">The file, for messages.</param>
    /// <param name="rows">Rows of the embedding: as many tokens are expected.</param>
    /// <returns>The vocabulary; null where the file has none or one that was made up.</returns>
    /// <exception cref="TokenizationException">It is of another kind than GPT-2's, or damaged.</exception>
    public static GgufVocabulary? Read(GgufMetadata metadata, string path, int rows)
    {
        string? model = metadata.Text(GgufKeys.TokenizerModel);
        if (model is null or "no_vocab" or "none" || metadata.Flag(GgufKeys.MadeUpVocabulary) == true)
        {
            return null;
        }

        // Files older than the key state no splitting; GPT-2's was the only one then.
        string splitting = metadata.Text(GgufKeys.TokenizerSplitting) ?? Splitting;
        if (model != Model || splitting != Splitting)
        {
            throw new TokenizationException(
                $"{path}: the tokenizer is of kind '{model}' with splitting '{splitting}'; expected '{Model}' with '{Splitting}', "
                + "the only one Palmyra carries over.");
        }

        string[] tokens = metadata.Texts(GgufKeys.Tokens, rows)
            ?? throw new TokenizationException($"{path}: '{GgufKeys.Tokens}' is missing; the file is damaged.");
        if (tokens.Length != rows)
        {
            throw new TokenizationException($"{path}: '{GgufKeys.Tokens}' has {tokens.Length} tokens; the embedding has {rows} rows.");
        }

        // Every merge is another split of a token in two, so there are no more than places to split at.
        string[] merges = metadata.Texts(GgufKeys.Merges, tokens.Sum(token => Math.Max(0L, token.Length - 1)))
            ?? throw new TokenizationException($"{path}: '{GgufKeys.Merges}' is missing; the file is damaged.");
        TokenKind[] kinds = ReadKinds(metadata, path, rows);
        var known = new Vocabulary(tokens.Length);
        for (int id = 0; id < tokens.Length; id++)
        {
            if (kinds[id] != TokenKind.Unused)
            {
                known.Add(tokens[id], id, path);
            }
        }

        var check = new VocabularyFiles.MergeCheck(path, known);
        for (int i = 0; i < merges.Length; i++)
        {
            check.Add(merges[i], $"merge {i}");
        }

        bool addsBos = metadata.Flag(GgufKeys.AddBos) ?? false;
        bool addsEos = metadata.Flag(GgufKeys.AddEos) ?? false;
        var vocabulary = new GgufVocabulary(tokens, kinds, merges)
        {
            Bos = Role(GgufKeys.Bos),
            Eos = [.. new[] { Role(GgufKeys.Eos), Role(GgufKeys.Eot) }.OfType<int>().Distinct()],
            Unknown = Role(GgufKeys.Unknown),
            Padding = Role(GgufKeys.Padding),
            AddsBos = addsBos,
            AddsEos = addsEos,
        };
        return (!addsBos || vocabulary.Bos is not null) && (!addsEos || vocabulary.Eos.Count > 0)
            ? vocabulary
            : throw new TokenizationException($"{path}: the tokenizer puts a token around texts that it does not name; the file is damaged.");

        int? Role(string key) => metadata.Integer(key) is not long id ? null
            : id >= 0 && id < rows ? kinds[id] != TokenKind.Unused ? (int)id : null
            : throw new TokenizationException($"{path}: '{key}' is {id}, which no token has; the ids are 0 to {rows - 1}.");
    }

    /// <summary>The files that transformers and Palmyra read the same tokenizer from, by name.</summary>
    /// <param name="contextLength">The longest input, for tokenizer_config.json.</param>
    public IReadOnlyDictionary<string, Action<Stream>> Files(int contextLength) => new Dictionary<string, Action<Stream>>
    {
        ["tokenizer.json"] = WriteTokenizer,
        ["tokenizer_config.json"] = stream => WriteSettings(stream, contextLength),
    };

    private static TokenKind[] ReadKinds(GgufMetadata metadata, string path, int rows)
    {
        long[]? numbers = metadata.Integers(GgufKeys.TokenTypes, rows);
        if (numbers is not null && numbers.Length != rows)
        {
            throw new TokenizationException($"{path}: '{GgufKeys.TokenTypes}' has {numbers.Length} entries; there are {rows} tokens.");
        }

        var kinds = new TokenKind[rows];
        Array.Fill(kinds, TokenKind.Normal);
        for (int id = 0; id < numbers?.Length; id++)
        {
            kinds[id] = numbers[id] is >= (long)TokenKind.Normal and <= (long)TokenKind.Byte
                ? (TokenKind)numbers[id]
                : throw new TokenizationException($"{path}: token {id} has type {numbers[id]}; 1 to 6 was expected.");
        }

        return kinds;
    }

    private void WriteTokenizer(Stream stream)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        WriteAddedTokens(json);
        json.WriteNull("normalizer");
        WriteByteLevel(json, "pre_tokenizer");
        WriteTemplate(json);
        WriteByteLevel(json, "decoder");
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteNull("unk_token");
        json.WriteString("continuing_subword_prefix", string.Empty);
        json.WriteString("end_of_word_suffix", string.Empty);
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteStartObject("vocab");
        for (int id = 0; id < Tokens.Count; id++)
        {
            if (Kinds[id] != TokenKind.Unused)
            {
                json.WriteNumber(Tokens[id], id);
            }
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (string merge in Merges)
        {
            json.WriteStringValue(merge);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteAddedTokens(Utf8JsonWriter json)
    {
        // Files of older converters call a token normal that has a role; transformers treats it as special all the same.
        int[] roles = [.. new[] { Bos, Unknown, Padding }.OfType<int>(), .. Eos];
        json.WriteStartArray("added_tokens");
        for (int id = 0; id < Tokens.Count; id++)
        {
            bool isSpecial = Kinds[id] == TokenKind.Control || roles.Contains(id);
            if (!isSpecial && Kinds[id] != TokenKind.UserDefined)
            {
                continue;
            }

            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("content", Tokens[id]);
            json.WriteBoolean("single_word", false);
            json.WriteBoolean("lstrip", false);
            json.WriteBoolean("rstrip", false);
            json.WriteBoolean("normalized", false);
            json.WriteBoolean("special", isSpecial);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteByteLevel(Utf8JsonWriter json, string name)
    {
        json.WriteStartObject(name);
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", true);
        json.WriteEndObject();
    }

    private void WriteTemplate(Utf8JsonWriter json)
    {
        if (!AddsBos && !AddsEos)
        {
            WriteByteLevel(json, "post_processor");
            return;
        }

        json.WriteStartObject("post_processor");
        json.WriteString("type", "TemplateProcessing");
        WriteParts("single", "A");
        WriteParts("pair", "A", "B");
        json.WriteStartObject("special_tokens");
        foreach (int id in new[] { AddsBos ? Bos : null, AddsEos ? Eos[0] : null }.OfType<int>().Distinct())
        {
            json.WriteStartObject(Tokens[id]);
            json.WriteString("id", Tokens[id]);
            json.WriteStartArray("ids");
            json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteStartArray("tokens");
            json.WriteStringValue(Tokens[id]);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();

        void WriteParts(string name, params string[] sequences)
        {
            json.WriteStartArray(name);
            for (int i = 0; i < sequences.Length; i++)
            {
                WritePart("SpecialToken", AddsBos ? Tokens[Bos!.Value] : null, i);
                WritePart("Sequence", sequences[i], i);
                WritePart("SpecialToken", AddsEos ? Tokens[Eos[0]] : null, i);
            }

            json.WriteEndArray();
        }

        void WritePart(string kind, string? id, int type)
        {
            if (id is not null)
            {
                json.WriteStartObject();
                json.WriteStartObject(kind);
                json.WriteString("id", id);
                json.WriteNumber("type_id", type);
                json.WriteEndObject();
                json.WriteEndObject();
            }
        }
    }

    private void WriteSettings(Stream stream, int contextLength)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();

        // The class that takes tokenizer.json as it stands; GPT-2's own would rebuild parts of it.
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        json.WriteNumber("model_max_length", contextLength);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        WriteRole("bos_token", Bos);
        WriteRole("eos_token", Eos.Count > 0 ? Eos[0] : null);
        WriteRole("unk_token", Unknown);
        WriteRole("pad_token", Padding);
        json.WriteEndObject();

        void WriteRole(string name, int? id)
        {
            if (id is int known)
            {
                json.WriteString(name, Tokens[known]);
            }
        }
    }
}
