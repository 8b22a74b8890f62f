namespace Palmyra.Quantization;

/// <summary>
/// Half-precision numbers below 128 in magnitude, with ten added to their exponents: the 16 bits in which F16 weights and the scales of Q8
/// and Q4 weights lie in memory.
/// </summary>
/// <remarks>
/// A half's smallest numbers are subnormal. Moved into a float's places they would make subnormal floats, each of which costs a hundred
/// cycles to multiply. Ten more in the exponent leaves none: a subnormal half is normal here. The codes this takes are those of numbers from
/// 2⁷ on, of infinities and of NaN, which do not occur among weights. Nothing is lost: decoding gives the half's very number.
/// </remarks>
internal static class RaisedHalf
{
    /// <summary>Numbers smaller than this round to halves below 2⁷, which have codes; this one is a tie that would round to 2⁷.</summary>
    public const float Limit = 127.96875f;

    /// <summary>Sign, exponent and fraction in a float's places, once the code has been moved there.</summary>
    public const int Mask = unchecked((int)0x8FFFE000);

    /// <summary>What the float so made is to be multiplied by: 2¹⁰², 2¹¹² for the difference of the exponents' offsets less the raise.</summary>
    public const float Factor = 5.0706024e30f;

    private const int Raise = 10;
    private const int FractionBits = 10;

    /// <summary>The code of a half below 128.</summary>
    /// <param name="half">The half's bits.</param>
    public static ushort Encode(ushort half)
    {
        int sign = half & 0x8000;
        int magnitude = half & 0x7FFF;
        if (magnitude >= 1 << FractionBits)
        {
            return (ushort)(sign | (magnitude + (Raise << FractionBits)));
        }

        if (magnitude == 0)
        {
            return half;
        }

        // A subnormal number gets the exponent that its highest bit asks for; that bit becomes the implicit one.
        int shift = FractionBits - int.Log2(magnitude);
        return (ushort)(sign | ((Raise + 1 - shift) << FractionBits) | ((magnitude << shift) & ((1 << FractionBits) - 1)));
    }

    /// <summary>The number of a code.</summary>
    public static float Decode(ushort code) => BitConverter.Int32BitsToSingle(((code << 16) >> 3) & Mask) * Factor;
}
