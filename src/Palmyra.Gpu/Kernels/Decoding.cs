using ILGPU;

namespace Palmyra.Gpu.Kernels;

/// <summary>Stored numbers as floats, exactly.</summary>
internal static class Decoding
{
    private const uint Exponent = 0x4B000000; // 2²³: a byte or nibble put below it makes the float 2²³ + byte.
    private const float Offset8 = 8388608f + 128;
    private const float Offset4 = 8388608f + 8;

    /// <summary>An IEEE half in the low 16 bits.</summary>
    public static float Half(uint bits) => (float)Interop.IntAsFloat((ushort)bits);

    /// <summary>A half of the low and one of the high 16 bits of each word.</summary>
    public static Float8 Halves(Word4 words) => new()
    {
        A = new Float4 { X = Half(words.X), Y = Half(words.X >> 16), Z = Half(words.Y), W = Half(words.Y >> 16) },
        B = new Float4 { X = Half(words.Z), Y = Half(words.Z >> 16), Z = Half(words.W), W = Half(words.W >> 16) },
    };

    /// <summary>The upper halves of eight floats.</summary>
    public static Float8 Brains(Word4 words) => new()
    {
        A = new Float4 { X = Low(words.X), Y = High(words.X), Z = Low(words.Y), W = High(words.Y) },
        B = new Float4 { X = Low(words.Z), Y = High(words.Z), Z = Low(words.W), W = High(words.W) },
    };

    /// <summary>Eight signed bytes.</summary>
    /// <remarks>Without conversion instructions, of which a GPU does a quarter as many: 2²³ + (byte + 128) is a float whose low bits are that byte.</remarks>
    public static Float8 Bytes(uint first, uint second)
    {
        uint a = first ^ 0x80808080;
        uint b = second ^ 0x80808080;
        return new Float8
        {
            A = new Float4 { X = Byte(a), Y = Byte(a >> 8), Z = Byte(a >> 16), W = Byte(a >> 24) },
            B = new Float4 { X = Byte(b), Y = Byte(b >> 8), Z = Byte(b >> 16), W = Byte(b >> 24) },
        };
    }

    /// <summary>The low nibbles of two words in the order of <see cref="GpuMatrix"/>, less 8.</summary>
    public static Float8 Nibbles(uint first, uint second) => new()
    {
        A = new Float4 { X = Nibble(first), Y = Nibble(first >> 16), Z = Nibble(first >> 8), W = Nibble(first >> 24) },
        B = new Float4 { X = Nibble(second), Y = Nibble(second >> 16), Z = Nibble(second >> 8), W = Nibble(second >> 24) },
    };

    private static float Low(uint word) => Interop.IntAsFloat(word << 16);

    private static float High(uint word) => Interop.IntAsFloat(word & 0xFFFF0000);

    private static float Byte(uint word) => Interop.IntAsFloat((word & 0xFF) | Exponent) - Offset8;

    private static float Nibble(uint word) => Interop.IntAsFloat((word & 0xF) | Exponent) - Offset4;
}
