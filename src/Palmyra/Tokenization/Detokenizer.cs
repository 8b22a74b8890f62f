using System.Text;

namespace Palmyra.Tokenization;

/// <summary>Turns a stream of token ids into text, whole characters at a time.</summary>
/// <remarks>
/// What all calls of <see cref="Push"/> and the last <see cref="Flush"/> return, put together, is what <see cref="GptTokenizer.Decode"/> returns for all ids.
/// Not safe for use by several threads at once.
/// </remarks>
/// <param name="tokenizer">The vocabulary.</param>
/// <param name="skipSpecialTokens">Whether special tokens become no text. Default false.</param>
public sealed class Detokenizer(GptTokenizer tokenizer, bool skipSpecialTokens = false)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private bool _pastFirst;

    /// <summary>Takes the next token.</summary>
    /// <returns>The characters that are complete now; empty while a character's bytes are still missing. Malformed bytes become U+FFFD.</returns>
    /// <param name="id">A token id; one that no token has adds nothing, as with transformers' fast tokenizers.</param>
    /// <exception cref="ArgumentOutOfRangeException">The id is negative.</exception>
    public string Push(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        if (!tokenizer.HasToken(id) || (skipSpecialTokens && tokenizer.SpecialIds.Contains(id)))
        {
            return "";
        }
        var text = _pastFirst && tokenizer.Separator.Length > 0 ? Decode(Encoding.UTF8.GetBytes(tokenizer.Separator), flush: false) : "";
        _pastFirst = true;
        return text + Decode(tokenizer.TokenBytes(id), flush: false);
    }

    /// <summary>Ends the stream and makes this object ready for another.</summary>
    /// <returns>U+FFFD for bytes that wait for the rest of their character, else empty.</returns>
    public string Flush()
    {
        _pastFirst = false;
        return Decode([], flush: true);
    }

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var limit = Encoding.UTF8.GetMaxCharCount(bytes.Length);
        var characters = limit <= 256 ? stackalloc char[limit] : new char[limit];
        return new string(characters[.._decoder.GetChars(bytes, characters, flush)]);
    }
}
