using CsCheck;

namespace Palmyra.Tests.Tokenization;

/// <summary>Random texts that mix words, white space, marks, contractions, every script and, where asked for, broken surrogates.</summary>
internal static class Texts
{
    private static readonly Gen<string> CodePoint = Gen.Frequency(
        (6, Gen.Int[0x20, 0x7E]),
        (2, OneOf(0x09, 0x0A, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x202F, 0x3000, 0x1C, 0x200B)),
        (2, Gen.Int[0x80, 0xD7FF]),
        (1, Gen.Int[0xE000, 0xFFFF]),
        (1, Gen.Int[0x10000, 0x10FFFF]),
        (1, Gen.Int[0x1D400, 0x1D7FF]),
        (1, Gen.Int[0x20000, 0x2A6DF])).Select(char.ConvertFromUtf32);

    private static readonly Gen<string> Chunk = Gen.Frequency(
        (8, CodePoint),
        (4, OneOf("the", " the", " hello", "'s", "'ll", "'re", "é", " é", "   ", "\n\n", " 2024", "<|endoftext|>", "<|", "low", "日本", "👍🏽")));

    public static readonly Gen<string> Unicode = Chunk.List[0, 40].Select(string.Concat);

    public static readonly Gen<string> Broken = Gen.Frequency((4, Chunk), (1, OneOf("\ud800", "\udfff", "\udc00\ud83d"))).List[0, 30].Select(string.Concat);

    /// <summary>One of the values, each as likely.</summary>
    public static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
