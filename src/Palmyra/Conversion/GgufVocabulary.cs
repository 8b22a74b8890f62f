using System.Globalization;
using System.Text;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Tokenization;

namespace Palmyra.Conversion;

/// <summary>A vocabulary as GGUF states it (<c>tokenizer.ggml.model</c> gpt2): one token for each row of the embedding, merges, and roles.</summary>
/// <remarks>
/// Byte-level vocabularies are carried over as they are. A word-level one becomes tokens that are cut out of the text whole, longest first,
/// with no merges; so a text of known words has the same ids wherever that is how it is split. What GGUF has no place for is refused.
/// </remarks>
internal sealed partial record GgufVocabulary(IReadOnlyList<string> Tokens, IReadOnlyList<TokenKind> Kinds, IReadOnlyList<string> Merges)
{
    private const string Model = "gpt2";
    private const string Splitting = "gpt-2";

    public int? Bos { get; init; }

    /// <summary>The tokens that end a text, two at most.</summary>
    public IReadOnlyList<int> Eos { get; init; } = [];

    public int? Unknown { get; init; }

    public int? Padding { get; init; }

    /// <summary>Whether an encoded text begins with <see cref="Bos"/>.</summary>
    public bool AddsBos { get; init; }

    /// <summary>Whether an encoded text ends with the first of <see cref="Eos"/>.</summary>
    public bool AddsEos { get; init; }

    /// <summary>Whether the tokens stand in for a vocabulary that the model came without.</summary>
    public bool IsMadeUp { get; init; }

    /// <summary>The vocabulary of a folder's tokenizer.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="config">The model: its rows are the number of tokens, and the tokens that end its texts win over the tokenizer's.</param>
    /// <param name="folder">The folder, for messages.</param>
    /// <exception cref="TokenizationException">The tokenizer does what a GGUF vocabulary cannot state.</exception>
    public static GgufVocabulary Of(GptTokenizer tokenizer, ModelConfig config, string folder)
    {
        int rows = config.VocabularySize;
        if (tokenizer.VocabularySize > rows)
        {
            throw Refusal(folder, $"has ids up to {tokenizer.VocabularySize - 1}, and the model's embedding has {rows} rows");
        }

        if (tokenizer.BytePairs is { AddPrefixSpace: true })
        {
            throw Refusal(folder, "puts a space in front of texts");
        }

        if (tokenizer.BytePairs is { SplitsPieces: false })
        {
            throw Refusal(folder, "merges without splitting into GPT-2's pieces first");
        }

        if (tokenizer.StatesSplitting || tokenizer.Separator.Length > 0)
        {
            throw Refusal(folder, "splits texts into words or joins them by rules of its own");
        }

        int? bos = Known(tokenizer.BosId) ?? Known(config.BosTokenId);
        int[] eos = [.. config.EosTokenIds.Where(tokenizer.HasToken).Distinct()];
        eos = eos.Length == 0 && tokenizer.EosId is int end ? [end] : eos;
        bool addsBos = tokenizer.Prefix.Count > 0;
        bool addsEos = tokenizer.Suffix.Count > 0;
        CheckEnds(eos.Length, folder);
        if ((addsBos && (tokenizer.Prefix.Count > 1 || tokenizer.Prefix[0] != bos))
            || (addsEos && (tokenizer.Suffix.Count > 1 || eos.Length == 0 || tokenizer.Suffix[0] != eos[0])))
        {
            throw Refusal(folder, "puts other tokens around a text than one at its beginning and one at its end");
        }

        var tokens = new string[rows];
        var kinds = new TokenKind[rows];
        for (int id = 0; id < rows; id++)
        {
            (tokens[id], kinds[id]) = TokenOf(tokenizer, id, folder);
        }

        Distinct(tokens, folder);
        return new GgufVocabulary(tokens, kinds, tokenizer.BytePairs?.Merges ?? [])
        {
            Bos = bos,
            Eos = eos,
            Unknown = Known(tokenizer.UnkId),
            Padding = Known(tokenizer.PadId) ?? Known(config.PadTokenId),
            AddsBos = addsBos,
            AddsEos = addsEos,
        };

        // A configuration may repeat GPT-2's id where the vocabulary has no such token.
        int? Known(int? id) => id is int known && tokenizer.HasToken(known) ? known : null;
    }

    /// <summary>A vocabulary for a model that came without one: the bytes, then made-up merges of them, every token another text.</summary>
    /// <remarks>
    /// Roles are the configuration's and never made up: a reader would take them for the model's own. Where a file names none, llama.cpp
    /// begins and ends texts with id 11, whatever that is.
    /// </remarks>
    /// <param name="config">The model.</param>
    /// <param name="where">The folder or the model's name, for messages.</param>
    /// <exception cref="TokenizationException">The configuration ends texts with more than two tokens.</exception>
    public static GgufVocabulary MadeUp(ModelConfig config, string where)
    {
        int rows = config.VocabularySize;
        int[] ends = [.. config.EosTokenIds.Where(id => Known(id) is not null).Distinct()];
        CheckEnds(ends.Length, where);
        (int? begin, int? padding) = (Known(config.BosTokenId), Known(config.PadTokenId));
        var names = new Dictionary<int, string>();
        foreach ((int? id, string name) in new (int?, string)[]
        {
            (ends.Length > 0 ? ends[0] : null, "<|endoftext|>"), (begin, "<|startoftext|>"), (ends.Length > 1 ? ends[1] : null, "<|endofturn|>"),
            (padding, "<|padding|>"),
        })
        {
            // A token that has two roles is called by the first.
            if (id is int known)
            {
                names.TryAdd(known, name);
            }
        }

        var tokens = new string[rows];
        var kinds = new TokenKind[rows];
        var merges = new List<string>();
        int next = 0;
        for (int id = 0; id < rows; id++)
        {
            if (names.TryGetValue(id, out string? role))
            {
                (tokens[id], kinds[id]) = (role, TokenKind.Control);
                continue;
            }

            (string left, string right) = Pair(next++);
            (tokens[id], kinds[id]) = (left + right, TokenKind.Normal);
            if (left.Length > 0)
            {
                merges.Add($"{left} {right}");
            }
        }

        return new GgufVocabulary(tokens, kinds, merges) { Bos = begin, Eos = ends, Padding = padding, IsMadeUp = true };

        // A configuration may repeat GPT-2's ids where the embedding has no such row.
        int? Known(int? id) => id is int known && (uint)known < (uint)rows ? known : null;
    }

    /// <summary>Adds the vocabulary to a file's metadata.</summary>
    public void AddTo(GgufHeader header)
    {
        header.Add(GgufKeys.TokenizerModel, Model);
        header.Add(GgufKeys.TokenizerSplitting, Splitting);
        header.Add(GgufKeys.Tokens, Tokens);
        header.Add(GgufKeys.TokenTypes, [.. Kinds.Select(kind => (int)kind)]);
        header.Add(GgufKeys.Merges, Merges);
        AddId(GgufKeys.Bos, Bos);
        AddId(GgufKeys.Eos, Eos.Count > 0 ? Eos[0] : null);
        AddId(GgufKeys.Eot, Eos.Count > 1 ? Eos[1] : null);
        AddId(GgufKeys.Unknown, Unknown);
        AddId(GgufKeys.Padding, Padding);
        header.Add(GgufKeys.AddBos, AddsBos);
        header.Add(GgufKeys.AddEos, AddsEos);
        if (IsMadeUp)
        {
            header.Add(GgufKeys.MadeUpVocabulary, true);
        }

        void AddId(string key, int? id)
        {
            if (id is int known)
            {
                header.Add(key, (uint)known);
            }
        }
    }

    private static (string Text, TokenKind Kind) TokenOf(GptTokenizer tokenizer, int id, string folder)
    {
        string text = tokenizer.TokenText(id);
        if (text.Length == 0)
        {
            return (string.Create(CultureInfo.InvariantCulture, $"[PAD{id}]"), TokenKind.Unused);
        }

        if (tokenizer.AddedTokens.TryGetValue(id, out AddedToken? added))
        {
            return added.StripsLeft || added.StripsRight || added.IsSingleWord
                ? throw Refusal(folder, $"cuts '{added.Content}' out of texts by flags of its own (lstrip, rstrip or single_word)")
                : (text, added.IsSpecial ? TokenKind.Control : TokenKind.UserDefined);
        }

        if (tokenizer.BytePairs is not null)
        {
            return (text, TokenKind.Normal);
        }

        // A word of one byte is what byte-level BPE makes of that byte; a longer one would need merges, so it is cut out instead.
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return bytes.Length == 1 ? (ByteAlphabet.CharacterOf(bytes[0]).ToString(), TokenKind.Normal) : (text, TokenKind.UserDefined);
    }

    private static void Distinct(string[] tokens, string folder)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string token in tokens)
        {
            if (!seen.Add(token))
            {
                throw Refusal(folder, $"has two tokens that GGUF would both spell '{token}'");
            }
        }
    }

    // Texts of one byte, then all of two, then all of three: 16 million, which is more than an embedding may have rows.
    private static (string Left, string Right) Pair(int number)
    {
        if (number < 256)
        {
            return (string.Empty, Byte(number));
        }

        number -= 256;
        if (number < 1 << 16)
        {
            return (Byte(number >> 8), Byte(number & 255));
        }

        number -= 1 << 16;
        return (Byte(number >> 16) + Byte((number >> 8) & 255), Byte(number & 255));

        static string Byte(int value) => ByteAlphabet.CharacterOf((byte)value).ToString();
    }

    private static void CheckEnds(int count, string where)
    {
        if (count > 2)
        {
            throw new TokenizationException(
                $"{where}: eos_token_id names {count} tokens that end a text, and a GGUF file has room for 2; keep 2 of them in a copy of config.json.");
        }
    }

    private static TokenizationException Refusal(string folder, string what) =>
        new($"{folder}: the tokenizer {what}, which a GGUF vocabulary cannot state; convert a copy of the folder without tokenizer files to get "
            + "the weights with a made-up vocabulary.");
}
