using Palmyra.Tokenization;

namespace Palmyra.Generation;

/// <summary>A tokenizer's streaming decoder for one sequence; special tokens become no text.</summary>
internal sealed class TextDecoder(GptTokenizer tokenizer) : ITokenDecoder
{
    private readonly Detokenizer _detokenizer = new(tokenizer, skipSpecialTokens: true);

    public string Push(int token) => _detokenizer.Push(token);

    public string Flush() => _detokenizer.Flush();
}
