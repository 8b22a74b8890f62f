namespace Palmyra.Tokenization;

/// <summary>What turns a stretch of plain text into tokens, and a token back into bytes.</summary>
internal abstract class TokenModel
{
    /// <summary>What decoding puts between two tokens; empty for byte-level vocabularies.</summary>
    public abstract string Separator { get; }

    /// <summary>All that encoding depends on besides the vocabulary and the added tokens, as texts in a fixed order.</summary>
    public abstract IEnumerable<string> Rules { get; }

    /// <summary>Appends the tokens of text[start, end), which holds no added token.</summary>
    public abstract void Encode(string text, int start, int end, TokenList tokens);

    /// <summary>The bytes that a token's spelling stands for.</summary>
    public abstract byte[] BytesOf(string spelling);
}
