using System.Security.Cryptography;
using System.Text;

namespace Palmyra.Tokenization;

/// <summary>The checksum behind <see cref="GptTokenizer.Digest"/>.</summary>
internal static class TokenizerDigest
{
    private const int Digits = 8;

    public static string Of(GptTokenizer tokenizer, IEnumerable<string> rules)
    {
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(sum, Enumerable.Range(0, tokenizer.VocabularySize).Select(id => tokenizer.HasToken(id) ? "+" + tokenizer.TokenText(id) : "-"));
        Append(sum, tokenizer.AddedTokens.Values.OrderBy(token => token.Id).Select(token =>
            $"{token.Id} {token.IsSpecial} {token.StripsLeft} {token.StripsRight} {token.IsSingleWord} {token.Content}"));
        Append(sum, tokenizer.Prefix.Select(id => $"{id}"));
        Append(sum, tokenizer.Suffix.Select(id => $"{id}"));
        Append(sum, rules);
        return Convert.ToHexStringLower(sum.GetHashAndReset())[..Digits];
    }

    // The number of texts and the length of each go in front, so that no two lists look alike.
    private static void Append(IncrementalHash sum, IEnumerable<string> texts)
    {
        string[] all = [.. texts];
        sum.AppendData(BitConverter.GetBytes(all.Length));
        foreach (string text in all)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            sum.AppendData(BitConverter.GetBytes(bytes.Length));
            sum.AppendData(bytes);
        }
    }
}
