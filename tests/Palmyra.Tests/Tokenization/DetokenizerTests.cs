using System.Text;
using CsCheck;
using Palmyra.Testing;
using Palmyra.Tokenization;

namespace Palmyra.Tests.Tokenization;

/// <summary>Streaming gives whole characters only, and all of it together is what decoding gives.</summary>
public sealed class DetokenizerTests
{
    private static readonly GptTokenizer Storyteller = GptTokenizer.Open(Path.Combine(Fixtures.RepositoryRoot, "src", "Palmyra.Storyteller", "storyteller"));
    private static readonly GptTokenizer Tiny = TinyVocabulary.Open();

    [Fact]
    public void StreamedRandomIdsAreTheDecodedText()
    {
        // Low ids are single bytes, so most sequences are malformed somewhere.
        Gen.Frequency((3, Gen.Int[0, 255]), (1, Gen.Int[0, 4200])).Array[0, 60].Sample(ids =>
        {
            foreach (var skip in (ReadOnlySpan<bool>)[false, true])
            {
                var detokenizer = new Detokenizer(Storyteller, skip);
                var streamed = string.Concat(ids.Select(detokenizer.Push)) + detokenizer.Flush();
                Assert.Equal(Storyteller.Decode(ids, skip), streamed);
            }
        }, iter: 5000);
    }

    [Fact]
    public void AnyBytesStreamAsTheFrameworkDecodesThem()
    {
        Gen.Frequency((1, Gen.Byte), (2, Gen.Byte[0x80, 0xFF]), (1, Texts.OneOf<byte>(0xE0, 0xED, 0xF0, 0xF4, 0x80, 0x9F, 0xA0))).Array[0, 40].Sample(bytes =>
        {
            var detokenizer = new Detokenizer(Tiny);
            var streamed = string.Concat(bytes.Select(value => detokenizer.Push(Tiny.IdOf(ByteAlphabet.CharacterOf(value).ToString())!.Value))) + detokenizer.Flush();
            Assert.Equal(Encoding.UTF8.GetString(bytes), streamed);
        }, iter: 5000);
    }

    [Fact]
    public void NoHalfCharacterIsEverReturned()
    {
        Texts.Unicode.Sample(text =>
        {
            var detokenizer = new Detokenizer(Tiny);
            var parts = Tiny.Encode(text).Select(detokenizer.Push).ToArray();
            Assert.Equal("", detokenizer.Flush());
            Assert.Equal(text, string.Concat(parts));
            Assert.All(parts.Where(part => part.Length > 0), part => Assert.False(char.IsHighSurrogate(part[^1]) || char.IsLowSurrogate(part[0])));
            Assert.All(parts, part => Assert.True(text.Contains('\uFFFD') || !part.Contains('\uFFFD')));
        }, iter: 1000);
    }

    [Fact]
    public void AnUnfinishedCharacterWaitsAndIsReplacedAtTheEnd()
    {
        var detokenizer = new Detokenizer(Tiny);
        var ids = Tiny.Encode("\U0001F44D");
        Assert.Equal(["", "", "", "\U0001F44D"], ids.Select(detokenizer.Push));
        Assert.Equal(["", "", ""], ids[..3].Select(detokenizer.Push));
        Assert.Equal("\uFFFD", detokenizer.Flush());
        Assert.Equal("", detokenizer.Flush());
        Assert.Equal("a", detokenizer.Push(Tiny.IdOf("a")!.Value));
    }
}
