using System.Text;

namespace Palmyra.Tokenization;

/// <summary>GPT-2's spelling of bytes as printable characters: 188 bytes stand for themselves, the other 68 become U+0100, U+0101, ...</summary>
internal static class ByteAlphabet
{
    private const int ShiftedBase = 0x100;
    private const int ShiftedCount = 68;

    private static readonly char[] Characters = BuildCharacters();
    private static readonly short[] Bytes = BuildBytes();

    /// <summary>The character that spells a byte.</summary>
    public static char CharacterOf(byte value) => Characters[value];

    /// <summary>The byte that a character of the alphabet spells.</summary>
    public static byte ByteOf(char character) => (byte)Bytes[character];

    /// <summary>The bytes a token's spelling stands for, or null when a character is outside the alphabet.</summary>
    public static byte[]? BytesOf(string spelling)
    {
        var bytes = new byte[spelling.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            var value = spelling[i] < Bytes.Length ? Bytes[spelling[i]] : (short)-1;
            if (value < 0)
            {
                return null;
            }
            bytes[i] = (byte)value;
        }
        return bytes;
    }

    /// <summary>Spells the UTF-8 bytes of a text. The destination needs three characters for each of the text's.</summary>
    /// <returns>How many characters were written.</returns>
    public static int Spell(ReadOnlySpan<char> text, Span<char> destination)
    {
        var count = 0;
        Span<byte> utf8 = stackalloc byte[4];
        for (var i = 0; i < text.Length;)
        {
            if (text[i] < 0x80)
            {
                destination[count++] = Characters[text[i++]];
                continue;
            }
            // DecodeFromUtf16 answers U+FFFD for half a surrogate pair, which is the replacement we promise.
            Rune.DecodeFromUtf16(text[i..], out var rune, out var consumed);
            var width = rune.EncodeToUtf8(utf8);
            for (var k = 0; k < width; k++)
            {
                destination[count++] = Characters[utf8[k]];
            }
            i += consumed;
        }
        return count;
    }

    private static char[] BuildCharacters()
    {
        var characters = new char[256];
        var shifted = ShiftedBase;
        for (var value = 0; value < 256; value++)
        {
            var standsForItself = value is (>= 0x21 and <= 0x7E) or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[value] = (char)(standsForItself ? value : shifted++);
        }
        return characters;
    }

    private static short[] BuildBytes()
    {
        var bytes = new short[ShiftedBase + ShiftedCount];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < 256; value++)
        {
            bytes[Characters[value]] = (short)value;
        }
        return bytes;
    }
}
