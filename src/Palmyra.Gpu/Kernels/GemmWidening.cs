namespace Palmyra.Gpu.Kernels;

// Inline PTX that widens half a group of Q8 or Q4, 16 numbers of a thread, to halves. Its registers, beside those of GemmText:
//
//   q0 .. q3     the half as it lies in memory
//   w0 .. w7     the numbers in pairs
//   scale, both  the group's scale, once and in both halves of a word
//   offset       what makes an integer of the pair
//   rest         a number's rounded product, negative
//
// An integer u below 1,024 put into the low bits of the half 1,024 is the half 1,024 + u: no conversion is needed. Subtracting
// 1,024 + 128 (Q8, whose bytes had their sign bit turned) or 1,024 + 8 (Q4) leaves q, exactly. Its product with the scale, itself a half, has
// at most 8 + 11 bits; rounded to a half it keeps 11, an error of up to 2^-11 of the number, a fraction of the rounding that made it q. It
// stays below 128 · 128, since scales are below 128, and what the rounding took away is itself a half, which one fused multiply-add finds.
internal static class GemmWidening
{
    public const string DeclareQ8 = $"{Declare} mov.b32 offset, 0x64806480;";

    public const string DeclareQ4 = $"{Declare} mov.b32 offset, 0x64086408;";

    /// <summary>Loads a scale; operand: its address.</summary>
    public const string LoadScale = "ld.global.nc.b16 scale, [%0];";

    /// <summary>Makes integers of 16 bytes; operand: their offset in shared memory. A permutation joins two bytes with the upper half of 1,024.</summary>
    public const string TakeQ8 =
        "add.u32 pa, sb, %0; ld.shared.v4.b32 {q0, q1, q2, q3}, [pa]; " +
        "xor.b32 q0, q0, 0x80808080; prmt.b32 w0, q0, 0x64646464, 0x4140; prmt.b32 w1, q0, 0x64646464, 0x4342; " +
        "xor.b32 q1, q1, 0x80808080; prmt.b32 w2, q1, 0x64646464, 0x4140; prmt.b32 w3, q1, 0x64646464, 0x4342; " +
        "xor.b32 q2, q2, 0x80808080; prmt.b32 w4, q2, 0x64646464, 0x4140; prmt.b32 w5, q2, 0x64646464, 0x4342; " +
        "xor.b32 q3, q3, 0x80808080; prmt.b32 w6, q3, 0x64646464, 0x4140; prmt.b32 w7, q3, 0x64646464, 0x4342; " +
        Subtract;

    /// <summary>
    /// Makes integers of 16 nibbles; operands: their offset in shared memory, the shifts to the first eight (0 or 4) and to the others.
    /// Of a word shifted so, the nibbles 0 and 4 are neighbouring columns, and so are 2 and 6. lop3 with 0xEA is (a and b) or c.
    /// </summary>
    public const string TakeQ4 =
        "add.u32 pa, sb, %0; ld.shared.v2.b32 {q0, q1}, [pa]; " +
        "shr.u32 w0, q0, %1; shr.u32 w1, w0, 8; shr.u32 w2, q1, %1; shr.u32 w3, w2, 8; " +
        "shr.u32 w4, q0, %2; shr.u32 w5, w4, 8; shr.u32 w6, q1, %2; shr.u32 w7, w6, 8; " +
        "lop3.b32 w0, w0, 0x000F000F, 0x64006400, 0xEA; lop3.b32 w1, w1, 0x000F000F, 0x64006400, 0xEA; " +
        "lop3.b32 w2, w2, 0x000F000F, 0x64006400, 0xEA; lop3.b32 w3, w3, 0x000F000F, 0x64006400, 0xEA; " +
        "lop3.b32 w4, w4, 0x000F000F, 0x64006400, 0xEA; lop3.b32 w5, w5, 0x000F000F, 0x64006400, 0xEA; " +
        "lop3.b32 w6, w6, 0x000F000F, 0x64006400, 0xEA; lop3.b32 w7, w7, 0x000F000F, 0x64006400, 0xEA; " +
        Subtract;

    /// <summary>Multiplies by the scale.</summary>
    public const string Products =
        "mov.b32 both, {scale, scale}; " +
        "mul.rn.f16x2 w0, w0, both; mul.rn.f16x2 w1, w1, both; mul.rn.f16x2 w2, w2, both; mul.rn.f16x2 w3, w3, both; " +
        "mul.rn.f16x2 w4, w4, both; mul.rn.f16x2 w5, w5, both; mul.rn.f16x2 w6, w6, both; mul.rn.f16x2 w7, w7, both;";

    /// <summary>What the products lost to rounding.</summary>
    public const string Remainders =
        "mov.b32 both, {scale, scale}; " +
        "mul.rn.f16x2 rest, w0, both; neg.f16x2 rest, rest; fma.rn.f16x2 w0, w0, both, rest; " +
        "mul.rn.f16x2 rest, w1, both; neg.f16x2 rest, rest; fma.rn.f16x2 w1, w1, both, rest; " +
        "mul.rn.f16x2 rest, w2, both; neg.f16x2 rest, rest; fma.rn.f16x2 w2, w2, both, rest; " +
        "mul.rn.f16x2 rest, w3, both; neg.f16x2 rest, rest; fma.rn.f16x2 w3, w3, both, rest; " +
        "mul.rn.f16x2 rest, w4, both; neg.f16x2 rest, rest; fma.rn.f16x2 w4, w4, both, rest; " +
        "mul.rn.f16x2 rest, w5, both; neg.f16x2 rest, rest; fma.rn.f16x2 w5, w5, both, rest; " +
        "mul.rn.f16x2 rest, w6, both; neg.f16x2 rest, rest; fma.rn.f16x2 w6, w6, both, rest; " +
        "mul.rn.f16x2 rest, w7, both; neg.f16x2 rest, rest; fma.rn.f16x2 w7, w7, both, rest;";

    /// <summary>Stores the first eight numbers and the others; operands: their offsets in shared memory.</summary>
    public const string Store =
        "add.u32 pa, sb, %0; add.u32 pb, sb, %1; st.shared.v4.b32 [pa], {w0, w1, w2, w3}; st.shared.v4.b32 [pb], {w4, w5, w6, w7};";

    private const string Declare = ".reg .b32 q<4>; .reg .b32 w<8>; .reg .b32 both, offset, rest; .reg .b16 scale;";

    private const string Subtract =
        "sub.rn.f16x2 w0, w0, offset; sub.rn.f16x2 w1, w1, offset; sub.rn.f16x2 w2, w2, offset; sub.rn.f16x2 w3, w3, offset; " +
        "sub.rn.f16x2 w4, w4, offset; sub.rn.f16x2 w5, w5, offset; sub.rn.f16x2 w6, w6, offset; sub.rn.f16x2 w7, w7, offset;";
}
