using System.Text;
using Microsoft.ML.Tokenizers;
using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>Byte-level byte-pair encoding: text is cut into pieces, a piece is spelled in the byte alphabet, and merges join the spelling.</summary>
/// <remarks>
/// Microsoft.ML.Tokenizers does the merging; it gets spelled pieces, so it needs neither its own pre-tokenizer nor its byte mapping. Its time grows with the
/// square of a piece's length (a million letters without a space: 97 s measured), so long pieces go to <see cref="LongPieceMerger"/> instead.
/// </remarks>
internal sealed class BytePairModel : TokenModel
{
    /// <summary>Spelled characters above which a piece counts as long: no word of a language is, and below it the square does not show.</summary>
    private const int LongPiece = 1024;
    private const int CachedPieceLimit = 32;
    private const int CacheSlots = 1 << 15;

    private readonly BytePairRules _rules;
    private readonly int? _unknownId;
    private readonly Vocabulary _vocabulary;
    private readonly int[] _byteIds;
    private readonly bool _hasAllBytes;
    private readonly Task<BpeTokenizer> _merger;
    private readonly Lazy<LongPieceMerger> _longPieceMerger;

    // One slot a hash, last piece wins: bounded memory, and a race costs a repeated encoding, never a wrong one.
    private readonly CachedPiece?[] _cache = new CachedPiece?[CacheSlots];

    public BytePairModel(Vocabulary vocabulary, BytePairRules rules, int? unknownId)
    {
        _vocabulary = vocabulary;
        _rules = rules;
        _unknownId = unknownId;
        _byteIds = new int[256];
        for (var value = 0; value < _byteIds.Length; value++)
        {
            _byteIds[value] = vocabulary.TryGetId(ByteAlphabet.CharacterOf((byte)value).ToString(), out var id) ? id : -1;
        }
        _hasAllBytes = !_byteIds.Contains(-1);
        // Building the library's tables takes longer than reading the files (0.1 s for GPT-2), and who opens a tokenizer has weights to map meanwhile.
        _merger = Task.Run(() => BpeTokenizer.Create(new BpeOptions(vocabulary.Ids) { Merges = rules.Merges }));
        _longPieceMerger = new Lazy<LongPieceMerger>(() => new LongPieceMerger(vocabulary, rules.Merges));
    }

    public override string Separator => "";

    public override IEnumerable<string> Rules => [$"pairs {_rules.AddPrefixSpace} {_rules.SplitsPieces} {_unknownId}", .. _rules.Merges];

    public override byte[] BytesOf(string spelling) => ByteAlphabet.BytesOf(spelling) ?? Encoding.UTF8.GetBytes(spelling);

    public override void Encode(string text, int start, int end, TokenList tokens)
    {
        if (start == end)
        {
            return;
        }
        var segment = text.AsSpan(start, end - start);
        var origin = start;
        if (_rules.AddPrefixSpace && segment[0] != ' ')
        {
            segment = string.Concat(" ", segment);
            origin = start - 1;
        }
        for (var position = 0; position < segment.Length;)
        {
            var pieceEnd = _rules.SplitsPieces ? PieceScanner.PieceEnd(segment, position) : segment.Length;
            var piece = segment[position..pieceEnd];
            var ids = EncodePiece(piece);
            if (tokens.KeepsSpans)
            {
                AddSpans(piece, ids, origin + position, start, tokens);
            }
            else
            {
                tokens.AddIds(ids);
            }
            position = pieceEnd;
        }
    }

    private int[] EncodePiece(ReadOnlySpan<char> piece)
    {
        if (piece.Length > CachedPieceLimit)
        {
            return MergePiece(piece);
        }
        ref var slot = ref _cache[string.GetHashCode(piece) & (CacheSlots - 1)];
        var cached = Volatile.Read(ref slot);
        if (cached is not null && piece.SequenceEqual(cached.Text))
        {
            return cached.Ids;
        }
        var ids = MergePiece(piece);
        Volatile.Write(ref slot, new CachedPiece(piece.ToString(), ids));
        return ids;
    }

    private int[] MergePiece(ReadOnlySpan<char> piece)
    {
        var longestSpelling = piece.Length * 3L;
        var buffer = longestSpelling <= 256 ? stackalloc char[(int)longestSpelling] : new char[longestSpelling];
        var spelled = (ReadOnlySpan<char>)buffer[..ByteAlphabet.Spell(piece, buffer)];
        if (_hasAllBytes)
        {
            return [.. Merge(spelled)];
        }
        var ids = new List<int>(spelled.Length);
        while (!spelled.IsEmpty)
        {
            var known = 0;
            while (known < spelled.Length && IdOf(spelled[known]) >= 0)
            {
                known++;
            }
            if (known > 0)
            {
                ids.AddRange(Merge(spelled[..known]));
            }
            if (known < spelled.Length)
            {
                ids.Add(_unknownId ?? throw new TokenizationException(
                    $"The text '{piece}' needs the byte token '{spelled[known]}', which the vocabulary does not have, and the tokenizer has no unknown token; use other text or another tokenizer."));
                known++;
            }
            spelled = spelled[known..];
        }
        return [.. ids];
    }

    private IReadOnlyList<int> Merge(ReadOnlySpan<char> spelled)
    {
        if (spelled.Length == 1)
        {
            return [IdOf(spelled[0])];
        }
        return spelled.Length > LongPiece
            ? _longPieceMerger.Value.Merge(spelled)
            : _merger.GetAwaiter().GetResult().EncodeToIds(spelled, considerPreTokenization: false, considerNormalization: false);
    }

    private int IdOf(char byteCharacter) => _byteIds[ByteAlphabet.ByteOf(byteCharacter)];

    private void AddSpans(ReadOnlySpan<char> piece, int[] ids, int origin, int floor, TokenList tokens)
    {
        var character = 0;
        var bytesTaken = 0;
        foreach (var id in ids)
        {
            var first = character;
            var end = character;
            for (var bytes = ByteCountOf(id); bytes > 0;)
            {
                Rune.DecodeFromUtf16(piece[character..], out var rune, out var width);
                var rest = rune.Utf8SequenceLength - bytesTaken;
                end = character + width;
                if (bytes < rest)
                {
                    bytesTaken += bytes;
                    break;
                }
                bytes -= rest;
                bytesTaken = 0;
                character = end;
            }
            // The space put in front of a text has no character of its own.
            tokens.Add(id, Math.Max(origin + first, floor), Math.Max(origin + end, floor));
        }
    }

    // An unknown token stands for one byte, whatever its own text is; merges make every other token, one byte a spelled character.
    private int ByteCountOf(int id) => !_hasAllBytes && id == _unknownId ? 1 : _vocabulary.SpellingOf(id)!.Length;

    private sealed record CachedPiece(string Text, int[] Ids);
}
