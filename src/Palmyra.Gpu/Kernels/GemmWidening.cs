namespace Palmyra.Gpu.Kernels;

// Inline PTX that widens half a group of Q8 or Q4, 16 numbers of a thread, to halves. Its registers, beside those of GemmText:
//
//   q0 .. q3     the half as it lies in memory
//   n0 .. n7     the numbers in pairs
//   scale, both  the group's scale, once and in both halves of a word
//   offset       what makes an integer of the pair
//   rest         a number's rounded product, negative
//   toQ          where the thread's half of a group goes in stage 0
//   to0, to1     where its first eight numbers go at offset 0, and the others
//   fromScales   address of the scales of its output
//
// An integer u below 1,024 put into the low bits of the half 1,024 is the half 1,024 + u: no conversion is needed. Subtracting
// 1,024 + 128 (Q8, whose bytes had their sign bit turned) or 1,024 + 8 (Q4) leaves q, exactly. Its product with the scale, itself a half,
// has at most 8 + 11 bits; rounded to a half it keeps 11, an error of up to 2^-11 of the number, a fraction of the rounding that made it q.
// It stays below 128 · 128, since scales are below 128, and what the rounding took away is itself a half, which one fused multiply-add
// finds.
internal static class GemmWidening
{
    public const string DeclareQ8 = $"{Declare} mov.b32 offset, 0x64806480;";

    public const string DeclareQ4 = $"{Declare} mov.b32 offset, 0x64086408;";

    /// <summary>Keeps toQ, to0, to1 and fromScales.</summary>
    public const string Keep = "add.u32 toQ, sb, %0; add.u32 to0, sb, %1; add.u32 to1, sb, %2; mov.u64 fromScales, %3;";

    /// <summary>Starts an asynchronous copy of 16 bytes of Q8; operands: offset of the stage, bytes from fromW.</summary>
    public const string CopyQ8 = "add.u32 pa, toQ, %0; add.u64 from, fromW, %1; cp.async.cg.shared.global [pa], [from], 16, sizeW0;";

    /// <summary>The same for 8 bytes of Q4.</summary>
    public const string CopyQ4 = "add.u32 pa, toQ, %0; add.u64 from, fromW, %1; cp.async.ca.shared.global [pa], [from], 8, sizeW0;";

    /// <summary>Loads a scale; operand: bytes from fromScales.</summary>
    public const string LoadScale = "add.u64 from, fromScales, %0; ld.global.nc.b16 scale, [from];";

    /// <summary>
    /// Makes integers of 16 bytes; operand: offset of the stage. A permutation joins two bytes with the upper half of 1,024.
    /// </summary>
    public const string TakeQ8 =
        "add.u32 pa, toQ, %0; ld.shared.v4.b32 {q0, q1, q2, q3}, [pa]; " +
        "xor.b32 q0, q0, 0x80808080; prmt.b32 n0, q0, 0x64646464, 0x4140; prmt.b32 n1, q0, 0x64646464, 0x4342; " +
        "xor.b32 q1, q1, 0x80808080; prmt.b32 n2, q1, 0x64646464, 0x4140; prmt.b32 n3, q1, 0x64646464, 0x4342; " +
        "xor.b32 q2, q2, 0x80808080; prmt.b32 n4, q2, 0x64646464, 0x4140; prmt.b32 n5, q2, 0x64646464, 0x4342; " +
        "xor.b32 q3, q3, 0x80808080; prmt.b32 n6, q3, 0x64646464, 0x4140; prmt.b32 n7, q3, 0x64646464, 0x4342; " +
        Subtract;

    /// <summary>
    /// Makes integers of 16 nibbles; operands: offset of the stage, the shifts to the first eight (0 or 4) and to the others.
    /// Of a word shifted so, the nibbles 0 and 4 are neighbouring columns, and so are 2 and 6. lop3 with 0xEA is (a and b) or c.
    /// </summary>
    public const string TakeQ4 =
        "add.u32 pa, toQ, %0; ld.shared.v2.b32 {q0, q1}, [pa]; " +
        "shr.u32 n0, q0, %1; shr.u32 n1, n0, 8; shr.u32 n2, q1, %1; shr.u32 n3, n2, 8; " +
        "shr.u32 n4, q0, %2; shr.u32 n5, n4, 8; shr.u32 n6, q1, %2; shr.u32 n7, n6, 8; " +
        "lop3.b32 n0, n0, 0x000F000F, 0x64006400, 0xEA; lop3.b32 n1, n1, 0x000F000F, 0x64006400, 0xEA; " +
        "lop3.b32 n2, n2, 0x000F000F, 0x64006400, 0xEA; lop3.b32 n3, n3, 0x000F000F, 0x64006400, 0xEA; " +
        "lop3.b32 n4, n4, 0x000F000F, 0x64006400, 0xEA; lop3.b32 n5, n5, 0x000F000F, 0x64006400, 0xEA; " +
        "lop3.b32 n6, n6, 0x000F000F, 0x64006400, 0xEA; lop3.b32 n7, n7, 0x000F000F, 0x64006400, 0xEA; " +
        Subtract;

    /// <summary>Multiplies by the scale.</summary>
    public const string Products =
        "mov.b32 both, {scale, scale}; " +
        "mul.rn.f16x2 n0, n0, both; mul.rn.f16x2 n1, n1, both; mul.rn.f16x2 n2, n2, both; mul.rn.f16x2 n3, n3, both; " +
        "mul.rn.f16x2 n4, n4, both; mul.rn.f16x2 n5, n5, both; mul.rn.f16x2 n6, n6, both; mul.rn.f16x2 n7, n7, both;";

    /// <summary>What the products lost to rounding.</summary>
    public const string Remainders =
        "mov.b32 both, {scale, scale}; " +
        "mul.rn.f16x2 rest, n0, both; neg.f16x2 rest, rest; fma.rn.f16x2 n0, n0, both, rest; " +
        "mul.rn.f16x2 rest, n1, both; neg.f16x2 rest, rest; fma.rn.f16x2 n1, n1, both, rest; " +
        "mul.rn.f16x2 rest, n2, both; neg.f16x2 rest, rest; fma.rn.f16x2 n2, n2, both, rest; " +
        "mul.rn.f16x2 rest, n3, both; neg.f16x2 rest, rest; fma.rn.f16x2 n3, n3, both, rest; " +
        "mul.rn.f16x2 rest, n4, both; neg.f16x2 rest, rest; fma.rn.f16x2 n4, n4, both, rest; " +
        "mul.rn.f16x2 rest, n5, both; neg.f16x2 rest, rest; fma.rn.f16x2 n5, n5, both, rest; " +
        "mul.rn.f16x2 rest, n6, both; neg.f16x2 rest, rest; fma.rn.f16x2 n6, n6, both, rest; " +
        "mul.rn.f16x2 rest, n7, both; neg.f16x2 rest, rest; fma.rn.f16x2 n7, n7, both, rest;";

    /// <summary>Stores the first eight numbers and the others; operand: offset of the step's widened weights.</summary>
    public const string Store =
        "add.u32 pa, to0, %0; add.u32 pb, to1, %0; st.shared.v4.b32 [pa], {n0, n1, n2, n3}; st.shared.v4.b32 [pb], {n4, n5, n6, n7};";

    private const string Declare =
        ".reg .b32 q<4>; .reg .b32 n<8>; .reg .b32 both, offset, rest; .reg .b16 scale; " +
        ".reg .u32 toQ, to0, to1; .reg .u64 fromScales;";

    private const string Subtract =
        "sub.rn.f16x2 n0, n0, offset; sub.rn.f16x2 n1, n1, offset; sub.rn.f16x2 n2, n2, offset; sub.rn.f16x2 n3, n3, offset; " +
        "sub.rn.f16x2 n4, n4, offset; sub.rn.f16x2 n5, n5, offset; sub.rn.f16x2 n6, n6, offset; sub.rn.f16x2 n7, n7, offset;";
}
