using ILGPU;

namespace Palmyra.Gpu.Kernels;

/// <summary>Stored numbers as floats, exactly.</summary>
internal static class Decoding
{
    private const uint Exponent = 0x4B000000; // 2²³: bits put below it make the float 2²³ + bits.
    private const float One = 8388608f;

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
    /// <remarks>
    /// Without conversion instructions, of which a GPU does a quarter as many, and with few shifts: bits b to b + 7 stay where they are below
    /// the exponent of 2²³, and (2²³ + 2ᵇ·byte)·2⁻ᵇ − 2²³⁻ᵇ is one multiply-add, exact whether it is fused or not.
    /// </remarks>
    public static Float8 Bytes(uint first, uint second)
    {
        // 128 more than each signed byte is the unsigned one with its highest bit turned.
        uint a = first ^ 0x80808080;
        uint b = second ^ 0x80808080;
        return new Float8
        {
            A = new Float4 { X = Byte0(a), Y = Byte8(a), Z = Byte0(a >> 16), W = Byte8(a >> 16) },
            B = new Float4 { X = Byte0(b), Y = Byte8(b), Z = Byte0(b >> 16), W = Byte8(b >> 16) },
        };
    }

    /// <summary>The low nibbles of two words in the order of <see cref="GpuMatrix"/>, less 8.</summary>
    public static Float8 LowNibbles(uint first, uint second) => new()
    {
        A = new Float4 { X = Nibble0(first), Y = Nibble0(first >> 16), Z = Nibble8(first), W = Nibble8(first >> 16) },
        B = new Float4 { X = Nibble0(second), Y = Nibble0(second >> 16), Z = Nibble8(second), W = Nibble8(second >> 16) },
    };

    /// <summary>The high nibbles of two words.</summary>
    public static Float8 HighNibbles(uint first, uint second) => new()
    {
        A = new Float4 { X = Nibble4(first), Y = Nibble4(first >> 16), Z = Nibble12(first), W = Nibble12(first >> 16) },
        B = new Float4 { X = Nibble4(second), Y = Nibble4(second >> 16), Z = Nibble12(second), W = Nibble12(second >> 16) },
    };

    private static float Low(uint word) => Interop.IntAsFloat(word << 16);

    private static float High(uint word) => Interop.IntAsFloat(word & 0xFFFF0000);

    private static float Byte0(uint word) => Interop.IntAsFloat((word & 0xFF) | Exponent) - (One + 128);

    private static float Byte8(uint word) => (Interop.IntAsFloat((word & 0xFF00) | Exponent) * (1f / 256)) - ((One / 256) + 128);

    private static float Nibble0(uint word) => Interop.IntAsFloat((word & 0xF) | Exponent) - (One + 8);

    private static float Nibble4(uint word) => (Interop.IntAsFloat((word & 0xF0) | Exponent) * (1f / 16)) - ((One / 16) + 8);

    private static float Nibble8(uint word) => (Interop.IntAsFloat((word & 0xF00) | Exponent) * (1f / 256)) - ((One / 256) + 8);

    private static float Nibble12(uint word) => (Interop.IntAsFloat((word & 0xF000) | Exponent) * (1f / 4096)) - ((One / 4096) + 8);
}
