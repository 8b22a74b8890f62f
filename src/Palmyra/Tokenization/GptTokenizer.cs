using System.Buffers;
using System.Text;
using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>Text to token ids and back, with a checkpoint's own vocabulary.</summary>
/// <remarks>
/// Byte-level BPE (GPT-2, GPT-Neo, GPT-J and what is trained with their vocabularies) gives the ids transformers gives, and decoding returns the text exactly.
/// Half a surrogate pair is not text and is encoded as U+FFFD. Word-level vocabularies in tokenizer.json are read too. Safe for use by several threads at once.
/// </remarks>
public sealed class GptTokenizer
{
    private readonly Vocabulary _vocabulary;
    private readonly TokenModel _model;
    private readonly AddedTokenSplitter _addedTokens;
    private readonly byte[][] _bytes;
    private readonly int[] _prefix;
    private readonly int[] _suffix;
    private readonly HashSet<int> _specialIds = [];
    private readonly Lazy<string> _digest;

    private GptTokenizer(TokenizerDefinition definition, TokenizerConfig config, TokenizerOptions options)
    {
        _vocabulary = definition.Vocabulary;
        var added = MergeAddedTokens(definition, config);
        BosId = Resolve(config.Bos);
        EosId = Resolve(config.Eos);
        PadId = Resolve(config.Pad);
        UnkId = Resolve(config.Unk);
        foreach (var other in config.OtherSpecials)
        {
            Resolve(other);
        }
        if (definition.BytePairs is not null && IdOf(DefaultSpecialToken) is { } endOfText)
        {
            // What transformers' GPT-2 tokenizer assumes when the files say nothing.
            BosId ??= endOfText;
            EosId ??= endOfText;
            UnkId ??= endOfText;
        }
        _specialIds.UnionWith(new[] { BosId, EosId, PadId, UnkId }.OfType<int>());
        // The model's own unknown token stands in for words but is not cut out of texts, as in transformers.
        UnkId = definition.UnknownToken is { } unknown && config.Unk is null ? IdOf(unknown) ?? UnkId : UnkId;
        foreach (var id in _specialIds)
        {
            added[id] = added.TryGetValue(id, out var known) ? known with { IsSpecial = true } : new AddedToken(id, TokenText(id), IsSpecial: true);
        }
        _specialIds.UnionWith(added.Values.Where(token => token.IsSpecial).Select(token => token.Id));
        AddedTokens = added;
        _addedTokens = new AddedTokenSplitter(added.Values, definition.File);
        BytePairs = definition.BytePairs is { } pairs
            ? pairs with { AddPrefixSpace = options.AddPrefixSpace ?? config.AddPrefixSpace ?? pairs.AddPrefixSpace }
            : null;
        SplitPattern = options.SplitPattern;
        StatesSplitting = definition.Splitters is { Count: > 0 };
        _model = CreateModel(definition, options);
        _bytes = new byte[_vocabulary.Size][];
        for (var id = 0; id < _bytes.Length; id++)
        {
            _bytes[id] = _vocabulary.SpellingOf(id) is not { } spelling ? [] : added.ContainsKey(id) ? Encoding.UTF8.GetBytes(spelling) : _model.BytesOf(spelling);
        }
        _suffix = [.. definition.Suffix];
        _prefix = config.AddBosToken && BosId is { } bos && !definition.Prefix.Contains(bos) ? [bos, .. definition.Prefix] : [.. definition.Prefix];
        CleansUpSpaces = config.CleansUpSpaces;
        ModelMaxLength = config.ModelMaxLength;
        _digest = new Lazy<string>(() => TokenizerDigest.Of(this, _model.Rules));
    }

    private const string DefaultSpecialToken = "<|endoftext|>";

    /// <summary>The largest token id plus one, added tokens included; ids below it may have no token.</summary>
    public int VocabularySize => _vocabulary.Size;

    /// <summary>The token that begins a text, or null.</summary>
    public int? BosId { get; }

    /// <summary>The token that ends a text, or null.</summary>
    public int? EosId { get; }

    /// <summary>The token that fills up a batch, or null: GPT-2 has none.</summary>
    public int? PadId { get; }

    /// <summary>The token for what the vocabulary cannot express, or null.</summary>
    public int? UnkId { get; }

    /// <summary>Ids of all tokens that mark rather than say something; decoding can skip them.</summary>
    public IReadOnlySet<int> SpecialIds => _specialIds;

    /// <summary>The longest input in tokens that tokenizer_config.json states, or null.</summary>
    public int? ModelMaxLength { get; }

    /// <summary>Whether tokenizer_config.json asks for <c>cleanUpSpaces</c> when decoding; <see cref="Decode"/> does it only on request.</summary>
    public bool CleansUpSpaces { get; }

    /// <summary>
    /// Tells one tokenizer from another: the first eight digits of SHA-256 over all that decides which ids a text becomes (spellings with their ids,
    /// added tokens, merges, what is put around and in front of a text, how it is split), so that equal ones in files of different kinds are equal.
    /// Computed when first asked for.
    /// </summary>
    public string Digest => _digest.Value;

    /// <summary>What decoding puts between tokens.</summary>
    internal string Separator => _model.Separator;

    /// <summary>The rules of a byte-level vocabulary; null for a word-level one.</summary>
    internal BytePairRules? BytePairs { get; }

    /// <summary>The expression the caller said words are matched by; null if none was given.</summary>
    public string? SplitPattern { get; }

    /// <summary>Whether the files of a word-level vocabulary state how a text is split.</summary>
    internal bool StatesSplitting { get; }

    /// <summary>The tokens that are cut out of a text first, by id.</summary>
    internal IReadOnlyDictionary<int, AddedToken> AddedTokens { get; }

    /// <summary>The ids in front of an encoded text.</summary>
    internal IReadOnlyList<int> Prefix => _prefix;

    /// <summary>The ids after it.</summary>
    internal IReadOnlyList<int> Suffix => _suffix;

    /// <summary>Reads the tokenizer of a checkpoint folder.</summary>
    /// <remarks>
    /// The vocabulary comes from tokenizer.json if present, else vocab.json with merges.txt, else encoder.json with vocab.bpe; tokenizer_config.json,
    /// special_tokens_map.json and added_tokens.json add to it where they exist.
    /// </remarks>
    /// <param name="folder">The folder.</param>
    /// <param name="options">What the files do not say; null for nothing.</param>
    /// <exception cref="TokenizationException">Files are missing, damaged, contradict each other or ask for what is not supported; the message says which.</exception>
    public static GptTokenizer Open(string folder, TokenizerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new TokenizerOptions();
        return new GptTokenizer(TokenizerFolder.Read(folder, options), TokenizerConfig.Read(folder), options);
    }

    /// <summary>The id of a token in the vocabulary's spelling (a space is "Ġ" in byte-level vocabularies), or null.</summary>
    public int? IdOf(string token) => _vocabulary.TryGetId(token, out var id) ? id : null;

    /// <summary>Whether an id has a token.</summary>
    public bool HasToken(int id) => _vocabulary.SpellingOf(id) is not null;

    /// <summary>A token in the vocabulary's spelling; empty for an id without a token.</summary>
    public string TokenText(int id) => _vocabulary.SpellingOf(id) ?? "";

    /// <summary>The bytes a token adds to the text, which need not be whole characters; empty for an id without a token.</summary>
    public ReadOnlySpan<byte> TokenBytes(int id) => (uint)id < (uint)_bytes.Length ? _bytes[id] : [];

    /// <summary>The token ids of a text.</summary>
    /// <param name="text">The text; empty gives no tokens but those that are added around it.</param>
    /// <param name="addSpecialTokens">Whether to add the tokens the files want around a text. Default true; GPT-2 wants none.</param>
    /// <param name="parseSpecial">Whether a special token written out in the text becomes that token. Default true, as in transformers; false encodes it as text.</param>
    /// <exception cref="TokenizationException">The vocabulary cannot express the text, or nothing says how to split it into words.</exception>
    public int[] Encode(string text, bool addSpecialTokens = true, bool parseSpecial = true) =>
        Encode(text, addSpecialTokens, parseSpecial, keepsSpans: false).ToIds();

    /// <summary>The token ids of a text that is to be continued: with the special tokens the files want before a text, without those after it.</summary>
    /// <remarks>A template that ends every text with its end token would otherwise ask the model to continue what is over.</remarks>
    /// <param name="text">The prompt.</param>
    /// <exception cref="TokenizationException">The vocabulary cannot express the text, or nothing says how to split it into words.</exception>
    public int[] EncodePrompt(string text) => [.. _prefix, .. Encode(text, addSpecialTokens: false)];

    /// <summary>The token ids of a text and the characters each came from.</summary>
    /// <inheritdoc cref="Encode(string, bool, bool)"/>
    public TokenSpan[] EncodeWithOffsets(string text, bool addSpecialTokens = true, bool parseSpecial = true) =>
        Encode(text, addSpecialTokens, parseSpecial, keepsSpans: true).ToSpans();

    /// <summary>The text of token ids. Malformed UTF-8 becomes U+FFFD, as Python's errors="replace" does it.</summary>
    /// <param name="ids">Token ids; one that no token has adds nothing, as with transformers' fast tokenizers.</param>
    /// <param name="skipSpecialTokens">Whether special tokens become no text. Default false.</param>
    /// <param name="cleanUpSpaces">
    /// Whether to take out spaces before . ? ! , and around contractions, as transformers' clean_up_tokenization_spaces does. Default false, whatever the files
    /// say: it would change texts that had such spaces.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false, bool cleanUpSpaces = false)
    {
        var bytes = new ArrayBufferWriter<byte>(Math.Max(16, ids.Length * 5));
        var separator = Encoding.UTF8.GetBytes(Separator);
        var pastFirst = false;
        foreach (var id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            if (!HasToken(id) || (skipSpecialTokens && _specialIds.Contains(id)))
            {
                continue;
            }
            if (pastFirst)
            {
                bytes.Write(separator);
            }
            bytes.Write(TokenBytes(id));
            pastFirst = true;
        }
        var text = Encoding.UTF8.GetString(bytes.WrittenSpan);
        return cleanUpSpaces ? CleanUp(text) : text;
    }

    private TokenList Encode(string text, bool addSpecialTokens, bool parseSpecial, bool keepsSpans)
    {
        ArgumentNullException.ThrowIfNull(text);
        var tokens = new TokenList(keepsSpans, (text.Length / 3) + 8);
        if (addSpecialTokens)
        {
            foreach (var id in _prefix)
            {
                tokens.Add(id, 0, 0);
            }
        }
        for (var position = 0; position < text.Length;)
        {
            var added = _addedTokens.Next(text, position, parseSpecial, out var start, out var end);
            _model.Encode(text, position, start, tokens);
            if (added is not null)
            {
                tokens.Add(added.Id, start, end);
            }
            position = end;
        }
        if (addSpecialTokens)
        {
            foreach (var id in _suffix)
            {
                tokens.Add(id, text.Length, text.Length);
            }
        }
        return tokens;
    }

    private TokenModel CreateModel(TokenizerDefinition definition, TokenizerOptions options)
    {
        if (BytePairs is { } rules)
        {
            return options.SplitPattern is null
                ? new BytePairModel(_vocabulary, rules, UnkId)
                : throw new TokenizationException($"{definition.File} is a byte-level vocabulary, whose splitting is fixed; leave the split pattern out.");
        }
        var splitters = options.SplitPattern is { } pattern ? [WordSplitter.Matches(pattern, definition.File)] : definition.Splitters;
        return new WordLevelModel(_vocabulary, splitters, definition.Separator, UnkId);
    }

    private Dictionary<int, AddedToken> MergeAddedTokens(TokenizerDefinition definition, TokenizerConfig config)
    {
        var added = new Dictionary<int, AddedToken>();
        foreach (var token in definition.AddedTokens)
        {
            added[token.Id] = token;
        }
        foreach (var (token, file) in config.AddedTokens)
        {
            _vocabulary.Add(token.Content, token.Id, file);
            added.TryAdd(token.Id, token);
        }
        return added;
    }

    private int? Resolve(TokenizerConfig.NamedToken? named)
    {
        if (named is not { } token)
        {
            return null;
        }
        var id = IdOf(token.Content) ?? throw new TokenizationException(
            $"{token.File}: \"{token.Role}\" is '{token.Content}', which the vocabulary does not have; add it to added_tokens.json with an id, or remove it.");
        _specialIds.Add(id);
        return id;
    }

    // transformers' clean_up_tokenization, in its order.
    private static string CleanUp(string text) => text
        .Replace(" .", ".", StringComparison.Ordinal).Replace(" ?", "?", StringComparison.Ordinal).Replace(" !", "!", StringComparison.Ordinal)
        .Replace(" ,", ",", StringComparison.Ordinal).Replace(" ' ", "'", StringComparison.Ordinal).Replace(" n't", "n't", StringComparison.Ordinal)
        .Replace(" 'm", "'m", StringComparison.Ordinal).Replace(" 's", "'s", StringComparison.Ordinal).Replace(" 've", "'ve", StringComparison.Ordinal)
        .Replace(" 're", "'re", StringComparison.Ordinal);
}
