namespace Palmyra.Gpu.Kernels;

// The inline PTX of TensorAttention. As in GemmText, one Emit declares registers by name and the others name them; a name that ends in 01
// or 23 is of the first or second 32 keys of a tile.
//
//   c0 .. c31    scores of the warp's 16 queries: 16 x 8 of them take four registers, eight keys after eight keys
//   p0 .. p15    their exponentials as halves, two a register
//   o0 .. o127   sums of values: 16 x 8 of them take four registers, eight dimensions after eight dimensions
//   l0 .. l3     sums of the exponentials, in l0 and in l1 those of query g, in l2 and in l3 those of query g + 8
//   a0 .. a3     queries, 16 x 16 numbers
//   b0 .. b7     keys or values, four registers for 16 x 16 numbers
//   h0 .. h3     eight numbers on their way to shared memory
//   ones         two halves of 1
//   sb           where dynamic shared memory begins
//   qa, ka, va   where the row lies that the lane names to ldmatrix: of the warp's queries, of the tile's first 16 keys, of its values
//
// and of the lane's two queries, g (0) and g + 8 (1):
//
//   f0, f1       what a score is to be multiplied by: the row's power of two taken back, and log2 e
//   m0, m1       the largest score so far, multiplied so; -infinity before the first key
//   n0, n1       15 less that: what is added to a score before it is an exponent of two
//   s0, s1       what the sums of the tiles before are to be multiplied by
//
// Fragments, with g = lane/4 and t = lane%4, are those that GemmText shows: c and o hold columns 2t and 2t + 1 of rows g and g + 8, and so
// does the first operand of a product of 16 columns, twice. So c0..c3 and c4..c7, rounded in pairs, are p0..p3: an operand without any lane
// asking another. ldmatrix loads keys as rows (key, dimensions), which is how the second operand lies, and values turned on their side by
// .trans.
internal static class TensorAttentionText
{
    /// <summary>Registers for heads of up to 64 numbers.</summary>
    public const string Declare64 = $".reg .f32 c<32>; .reg .b32 p<16>; .reg .f32 o<32>; {DeclareRest}";

    /// <summary>The same for up to 128 numbers.</summary>
    public const string Declare128 = $".reg .f32 c<32>; .reg .b32 p<16>; .reg .f32 o<64>; {DeclareRest}";

    /// <summary>The same for up to 256 numbers, 32 keys a tile.</summary>
    public const string Declare256 = $".reg .f32 c<16>; .reg .b32 p<8>; .reg .f32 o<128>; {DeclareRest}";

    /// <summary>Keeps qa, ka and va, f0 and f1.</summary>
    public const string Keep = "add.u32 qa, sb, %0; add.u32 ka, sb, %1; add.u32 va, sb, %2; mov.f32 f0, %3; mov.f32 f1, %4;";

    /// <summary>Rounds eight numbers to halves and stores them to shared memory; operands: offset, the numbers.</summary>
    public const string StoreHalves =
        "add.u32 pa, sb, %0; cvt.rn.f16x2.f32 h0, %2, %1; cvt.rn.f16x2.f32 h1, %4, %3; cvt.rn.f16x2.f32 h2, %6, %5; " +
        "cvt.rn.f16x2.f32 h3, %8, %7; st.shared.v4.b32 [pa], {h0, h1, h2, h3};";

    /// <summary>Starts an asynchronous copy of eight halves; operands: offset, address, 16 bytes or 0 for zeros.</summary>
    public const string Copy = "add.u32 pa, sb, %0; cp.async.cg.shared.global [pa], [%1], 16, %2;";

    /// <summary>Waits for the thread's copies.</summary>
    public const string WaitForAll = "cp.async.wait_all;";

    /// <summary>Loads the queries' next 16 dimensions; operand: offset from the row.</summary>
    public const string FetchQueries = $"add.u32 pa, qa, %0; {Load} {A}, [pa];";

    /// <summary>Adds 16 dimensions of 32 keys' scores; operands: offsets of the first 16 keys and of the others.</summary>
    public const string Scores01 =
        $"{FetchKeys} {Mma} {C0}, {A}, {B0}, {C0}; {Mma} {C1}, {A}, {B1}, {C1}; {Mma} {C2}, {A}, {B2}, {C2}; {Mma} {C3}, {A}, {B3}, {C3};";

    /// <summary>The same of the second 32 keys.</summary>
    public const string Scores23 =
        $"{FetchKeys} {Mma} {C4}, {A}, {B0}, {C4}; {Mma} {C5}, {A}, {B1}, {C5}; {Mma} {C6}, {A}, {B2}, {C6}; {Mma} {C7}, {A}, {B3}, {C7};";

    /// <summary>
    /// The maxima of each query, over the lanes that share it, then what follows from them. A query that has seen no key yet has a maximum
    /// of -infinity, which is not subtracted from itself: its exponentials are of -infinity, so 0.
    /// </summary>
    public const string Rescale =
        $"{Shuffle} x0, 1, 31, -1; max.f32 x0, x0, y0; {Shuffle} x0, 2, 31, -1; max.f32 x0, x0, y0; " +
        $"{Shuffle} x1, 1, 31, -1; max.f32 x1, x1, y0; {Shuffle} x1, 2, 31, -1; max.f32 x1, x1, y0; " +
        "mul.f32 x0, x0, f0; max.f32 x0, x0, m0; setp.gt.f32 seen, x0, unseen; selp.f32 n0, x0, 0f00000000, seen; " +
        "sub.f32 s0, m0, n0; ex2.approx.ftz.f32 s0, s0; mov.f32 m0, x0; sub.f32 n0, 0f41700000, n0; " +
        "mul.f32 x1, x1, f1; max.f32 x1, x1, m1; setp.gt.f32 seen, x1, unseen; selp.f32 n1, x1, 0f00000000, seen; " +
        "sub.f32 s1, m1, n1; ex2.approx.ftz.f32 s1, s1; mov.f32 m1, x1; sub.f32 n1, 0f41700000, n1;";

    /// <summary>Adds 32 keys' exponentials to their sums, which are first scaled down to the new maximum.</summary>
    public const string Sums01 =
        "mul.f32 l0, l0, s0; mul.f32 l1, l1, s0; mul.f32 l2, l2, s1; mul.f32 l3, l3, s1; " +
        $"{Mma} {L}, {P0}, {Ones}, {L}; {Mma} {L}, {P1}, {Ones}, {L};";

    /// <summary>The same of the second 32 keys, without scaling.</summary>
    public const string Sums23 = $"{Mma} {L}, {P2}, {Ones}, {L}; {Mma} {L}, {P3}, {Ones}, {L};";

    /// <summary>
    /// Stores each query's sum of exponentials and what was added to its exponents; operands: offsets for queries g and g + 8.
    /// </summary>
    public const string StoreSums = $"{Places} {Pair} [pa], {{l0, n0}}; {Pair} [pb], {{l2, n1}};";

    /// <summary>Sets the scores of 32 keys to zero.</summary>
    public const string ClearScores01 =
        "mov.f32 c0, 0f00000000; mov.f32 c1, c0; mov.f32 c2, c0; mov.f32 c3, c0; mov.f32 c4, c0; mov.f32 c5, c0; mov.f32 c6, c0; " +
        "mov.f32 c7, c0; mov.f32 c8, c0; mov.f32 c9, c0; mov.f32 c10, c0; mov.f32 c11, c0; mov.f32 c12, c0; mov.f32 c13, c0; mov.f32 c14, c0; " +
        "mov.f32 c15, c0;";

    /// <summary>The same of the second 32 keys.</summary>
    public const string ClearScores23 =
        "mov.f32 c16, c0; mov.f32 c17, c0; mov.f32 c18, c0; mov.f32 c19, c0; mov.f32 c20, c0; mov.f32 c21, c0; mov.f32 c22, c0; " +
        "mov.f32 c23, c0; mov.f32 c24, c0; mov.f32 c25, c0; mov.f32 c26, c0; mov.f32 c27, c0; mov.f32 c28, c0; mov.f32 c29, c0; " +
        "mov.f32 c30, c0; mov.f32 c31, c0;";

    /// <summary>
    /// Makes the scores of keys that a query does not see -infinity, NaN included; operands: how many tokens lie between the lane's first
    /// key and query g, the same for query g + 8, and how far back they see.
    /// </summary>
    public const string Mask01 =
        "sub.s32 back, %0, 0; setp.lt.u32 seen, back, %2; selp.f32 c0, c0, unseen, seen; " +
        "sub.s32 back, %0, 1; setp.lt.u32 seen, back, %2; selp.f32 c1, c1, unseen, seen; " +
        "sub.s32 back, %1, 0; setp.lt.u32 seen, back, %2; selp.f32 c2, c2, unseen, seen; " +
        "sub.s32 back, %1, 1; setp.lt.u32 seen, back, %2; selp.f32 c3, c3, unseen, seen; " +
        "sub.s32 back, %0, 8; setp.lt.u32 seen, back, %2; selp.f32 c4, c4, unseen, seen; " +
        "sub.s32 back, %0, 9; setp.lt.u32 seen, back, %2; selp.f32 c5, c5, unseen, seen; " +
        "sub.s32 back, %1, 8; setp.lt.u32 seen, back, %2; selp.f32 c6, c6, unseen, seen; " +
        "sub.s32 back, %1, 9; setp.lt.u32 seen, back, %2; selp.f32 c7, c7, unseen, seen; " +
        "sub.s32 back, %0, 16; setp.lt.u32 seen, back, %2; selp.f32 c8, c8, unseen, seen; " +
        "sub.s32 back, %0, 17; setp.lt.u32 seen, back, %2; selp.f32 c9, c9, unseen, seen; " +
        "sub.s32 back, %1, 16; setp.lt.u32 seen, back, %2; selp.f32 c10, c10, unseen, seen; " +
        "sub.s32 back, %1, 17; setp.lt.u32 seen, back, %2; selp.f32 c11, c11, unseen, seen; " +
        "sub.s32 back, %0, 24; setp.lt.u32 seen, back, %2; selp.f32 c12, c12, unseen, seen; " +
        "sub.s32 back, %0, 25; setp.lt.u32 seen, back, %2; selp.f32 c13, c13, unseen, seen; " +
        "sub.s32 back, %1, 24; setp.lt.u32 seen, back, %2; selp.f32 c14, c14, unseen, seen; " +
        "sub.s32 back, %1, 25; setp.lt.u32 seen, back, %2; selp.f32 c15, c15, unseen, seen;";

    /// <summary>The same of the second 32 keys.</summary>
    public const string Mask23 =
        "sub.s32 back, %0, 0; setp.lt.u32 seen, back, %2; selp.f32 c16, c16, unseen, seen; " +
        "sub.s32 back, %0, 1; setp.lt.u32 seen, back, %2; selp.f32 c17, c17, unseen, seen; " +
        "sub.s32 back, %1, 0; setp.lt.u32 seen, back, %2; selp.f32 c18, c18, unseen, seen; " +
        "sub.s32 back, %1, 1; setp.lt.u32 seen, back, %2; selp.f32 c19, c19, unseen, seen; " +
        "sub.s32 back, %0, 8; setp.lt.u32 seen, back, %2; selp.f32 c20, c20, unseen, seen; " +
        "sub.s32 back, %0, 9; setp.lt.u32 seen, back, %2; selp.f32 c21, c21, unseen, seen; " +
        "sub.s32 back, %1, 8; setp.lt.u32 seen, back, %2; selp.f32 c22, c22, unseen, seen; " +
        "sub.s32 back, %1, 9; setp.lt.u32 seen, back, %2; selp.f32 c23, c23, unseen, seen; " +
        "sub.s32 back, %0, 16; setp.lt.u32 seen, back, %2; selp.f32 c24, c24, unseen, seen; " +
        "sub.s32 back, %0, 17; setp.lt.u32 seen, back, %2; selp.f32 c25, c25, unseen, seen; " +
        "sub.s32 back, %1, 16; setp.lt.u32 seen, back, %2; selp.f32 c26, c26, unseen, seen; " +
        "sub.s32 back, %1, 17; setp.lt.u32 seen, back, %2; selp.f32 c27, c27, unseen, seen; " +
        "sub.s32 back, %0, 24; setp.lt.u32 seen, back, %2; selp.f32 c28, c28, unseen, seen; " +
        "sub.s32 back, %0, 25; setp.lt.u32 seen, back, %2; selp.f32 c29, c29, unseen, seen; " +
        "sub.s32 back, %1, 24; setp.lt.u32 seen, back, %2; selp.f32 c30, c30, unseen, seen; " +
        "sub.s32 back, %1, 25; setp.lt.u32 seen, back, %2; selp.f32 c31, c31, unseen, seen;";

    /// <summary>The lane's largest scores of 32 keys.</summary>
    public const string Max01 =
        "max.f32 x0, c0, c1; max.f32 x1, c2, c3; max.f32 x0, x0, c4; max.f32 x0, x0, c5; max.f32 x1, x1, c6; max.f32 x1, x1, c7; " +
        "max.f32 x0, x0, c8; max.f32 x0, x0, c9; max.f32 x1, x1, c10; max.f32 x1, x1, c11; max.f32 x0, x0, c12; max.f32 x0, x0, c13; " +
        "max.f32 x1, x1, c14; max.f32 x1, x1, c15;";

    /// <summary>The largest of those and of the second 32 keys.</summary>
    public const string Max23 =
        "max.f32 x0, x0, c16; max.f32 x0, x0, c17; max.f32 x1, x1, c18; max.f32 x1, x1, c19; max.f32 x0, x0, c20; max.f32 x0, x0, c21; " +
        "max.f32 x1, x1, c22; max.f32 x1, x1, c23; max.f32 x0, x0, c24; max.f32 x0, x0, c25; max.f32 x1, x1, c26; max.f32 x1, x1, c27; " +
        "max.f32 x0, x0, c28; max.f32 x0, x0, c29; max.f32 x1, x1, c30; max.f32 x1, x1, c31;";

    /// <summary>2 to the power of (score + 15 less the maximum), rounded to halves: at most 32,768.</summary>
    public const string Exponentials01 =
        "fma.rn.f32 c0, c0, f0, n0; ex2.approx.ftz.f32 c0, c0; fma.rn.f32 c1, c1, f0, n0; ex2.approx.ftz.f32 c1, c1; " +
        "cvt.rn.f16x2.f32 p0, c1, c0; fma.rn.f32 c2, c2, f1, n1; ex2.approx.ftz.f32 c2, c2; " +
        "fma.rn.f32 c3, c3, f1, n1; ex2.approx.ftz.f32 c3, c3; cvt.rn.f16x2.f32 p1, c3, c2; " +
        "fma.rn.f32 c4, c4, f0, n0; ex2.approx.ftz.f32 c4, c4; fma.rn.f32 c5, c5, f0, n0; ex2.approx.ftz.f32 c5, c5; " +
        "cvt.rn.f16x2.f32 p2, c5, c4; fma.rn.f32 c6, c6, f1, n1; ex2.approx.ftz.f32 c6, c6; " +
        "fma.rn.f32 c7, c7, f1, n1; ex2.approx.ftz.f32 c7, c7; cvt.rn.f16x2.f32 p3, c7, c6; " +
        "fma.rn.f32 c8, c8, f0, n0; ex2.approx.ftz.f32 c8, c8; fma.rn.f32 c9, c9, f0, n0; ex2.approx.ftz.f32 c9, c9; " +
        "cvt.rn.f16x2.f32 p4, c9, c8; fma.rn.f32 c10, c10, f1, n1; ex2.approx.ftz.f32 c10, c10; " +
        "fma.rn.f32 c11, c11, f1, n1; ex2.approx.ftz.f32 c11, c11; cvt.rn.f16x2.f32 p5, c11, c10; " +
        "fma.rn.f32 c12, c12, f0, n0; ex2.approx.ftz.f32 c12, c12; fma.rn.f32 c13, c13, f0, n0; ex2.approx.ftz.f32 c13, c13; " +
        "cvt.rn.f16x2.f32 p6, c13, c12; fma.rn.f32 c14, c14, f1, n1; ex2.approx.ftz.f32 c14, c14; " +
        "fma.rn.f32 c15, c15, f1, n1; ex2.approx.ftz.f32 c15, c15; cvt.rn.f16x2.f32 p7, c15, c14;";

    /// <summary>The same of the second 32 keys.</summary>
    public const string Exponentials23 =
        "fma.rn.f32 c16, c16, f0, n0; ex2.approx.ftz.f32 c16, c16; fma.rn.f32 c17, c17, f0, n0; ex2.approx.ftz.f32 c17, c17; " +
        "cvt.rn.f16x2.f32 p8, c17, c16; fma.rn.f32 c18, c18, f1, n1; ex2.approx.ftz.f32 c18, c18; " +
        "fma.rn.f32 c19, c19, f1, n1; ex2.approx.ftz.f32 c19, c19; cvt.rn.f16x2.f32 p9, c19, c18; " +
        "fma.rn.f32 c20, c20, f0, n0; ex2.approx.ftz.f32 c20, c20; fma.rn.f32 c21, c21, f0, n0; ex2.approx.ftz.f32 c21, c21; " +
        "cvt.rn.f16x2.f32 p10, c21, c20; fma.rn.f32 c22, c22, f1, n1; ex2.approx.ftz.f32 c22, c22; " +
        "fma.rn.f32 c23, c23, f1, n1; ex2.approx.ftz.f32 c23, c23; cvt.rn.f16x2.f32 p11, c23, c22; " +
        "fma.rn.f32 c24, c24, f0, n0; ex2.approx.ftz.f32 c24, c24; fma.rn.f32 c25, c25, f0, n0; ex2.approx.ftz.f32 c25, c25; " +
        "cvt.rn.f16x2.f32 p12, c25, c24; fma.rn.f32 c26, c26, f1, n1; ex2.approx.ftz.f32 c26, c26; " +
        "fma.rn.f32 c27, c27, f1, n1; ex2.approx.ftz.f32 c27, c27; cvt.rn.f16x2.f32 p13, c27, c26; " +
        "fma.rn.f32 c28, c28, f0, n0; ex2.approx.ftz.f32 c28, c28; fma.rn.f32 c29, c29, f0, n0; ex2.approx.ftz.f32 c29, c29; " +
        "cvt.rn.f16x2.f32 p14, c29, c28; fma.rn.f32 c30, c30, f1, n1; ex2.approx.ftz.f32 c30, c30; " +
        "fma.rn.f32 c31, c31, f1, n1; ex2.approx.ftz.f32 c31, c31; cvt.rn.f16x2.f32 p15, c31, c30;";

    /// <summary>Sets the sums of values to zero.</summary>
    public const string ClearTo64 =
        "mov.f32 o0, 0f00000000; mov.f32 o1, o0; mov.f32 o2, o0; mov.f32 o3, o0; mov.f32 o4, o0; mov.f32 o5, o0; mov.f32 o6, o0; " +
        "mov.f32 o7, o0; mov.f32 o8, o0; mov.f32 o9, o0; mov.f32 o10, o0; mov.f32 o11, o0; mov.f32 o12, o0; mov.f32 o13, o0; mov.f32 o14, o0; " +
        "mov.f32 o15, o0; mov.f32 o16, o0; mov.f32 o17, o0; mov.f32 o18, o0; mov.f32 o19, o0; mov.f32 o20, o0; mov.f32 o21, o0; " +
        "mov.f32 o22, o0; mov.f32 o23, o0; mov.f32 o24, o0; mov.f32 o25, o0; mov.f32 o26, o0; mov.f32 o27, o0; mov.f32 o28, o0; " +
        "mov.f32 o29, o0; mov.f32 o30, o0; mov.f32 o31, o0;";

    /// <summary>Those of dimensions 64 to 127.</summary>
    public const string Clear64To128 =
        "mov.f32 o32, o0; mov.f32 o33, o0; mov.f32 o34, o0; mov.f32 o35, o0; mov.f32 o36, o0; mov.f32 o37, o0; mov.f32 o38, o0; " +
        "mov.f32 o39, o0; mov.f32 o40, o0; mov.f32 o41, o0; mov.f32 o42, o0; mov.f32 o43, o0; mov.f32 o44, o0; mov.f32 o45, o0; " +
        "mov.f32 o46, o0; mov.f32 o47, o0; mov.f32 o48, o0; mov.f32 o49, o0; mov.f32 o50, o0; mov.f32 o51, o0; mov.f32 o52, o0; " +
        "mov.f32 o53, o0; mov.f32 o54, o0; mov.f32 o55, o0; mov.f32 o56, o0; mov.f32 o57, o0; mov.f32 o58, o0; mov.f32 o59, o0; " +
        "mov.f32 o60, o0; mov.f32 o61, o0; mov.f32 o62, o0; mov.f32 o63, o0;";

    /// <summary>Those of dimensions 128 to 255.</summary>
    public const string Clear128To256 =
        "mov.f32 o64, o0; mov.f32 o65, o0; mov.f32 o66, o0; mov.f32 o67, o0; mov.f32 o68, o0; mov.f32 o69, o0; mov.f32 o70, o0; " +
        "mov.f32 o71, o0; mov.f32 o72, o0; mov.f32 o73, o0; mov.f32 o74, o0; mov.f32 o75, o0; mov.f32 o76, o0; mov.f32 o77, o0; " +
        "mov.f32 o78, o0; mov.f32 o79, o0; mov.f32 o80, o0; mov.f32 o81, o0; mov.f32 o82, o0; mov.f32 o83, o0; mov.f32 o84, o0; " +
        "mov.f32 o85, o0; mov.f32 o86, o0; mov.f32 o87, o0; mov.f32 o88, o0; mov.f32 o89, o0; mov.f32 o90, o0; mov.f32 o91, o0; " +
        "mov.f32 o92, o0; mov.f32 o93, o0; mov.f32 o94, o0; mov.f32 o95, o0; mov.f32 o96, o0; mov.f32 o97, o0; mov.f32 o98, o0; " +
        "mov.f32 o99, o0; mov.f32 o100, o0; mov.f32 o101, o0; mov.f32 o102, o0; mov.f32 o103, o0; mov.f32 o104, o0; mov.f32 o105, o0; " +
        "mov.f32 o106, o0; mov.f32 o107, o0; mov.f32 o108, o0; mov.f32 o109, o0; mov.f32 o110, o0; mov.f32 o111, o0; mov.f32 o112, o0; " +
        "mov.f32 o113, o0; mov.f32 o114, o0; mov.f32 o115, o0; mov.f32 o116, o0; mov.f32 o117, o0; mov.f32 o118, o0; mov.f32 o119, o0; " +
        "mov.f32 o120, o0; mov.f32 o121, o0; mov.f32 o122, o0; mov.f32 o123, o0; mov.f32 o124, o0; mov.f32 o125, o0; mov.f32 o126, o0; " +
        "mov.f32 o127, o0;";

    /// <summary>
    /// Scales the sums of 16 dimensions down to the new maximum and adds 32 keys' values; operands: offsets of the first 16 keys and of the
    /// others.
    /// </summary>
    public const string Values0 =
        "mul.f32 o0, o0, s0; mul.f32 o1, o1, s0; mul.f32 o2, o2, s1; mul.f32 o3, o3, s1; " +
        "mul.f32 o4, o4, s0; mul.f32 o5, o5, s0; mul.f32 o6, o6, s1; mul.f32 o7, o7, s1; " +
        $"{Fetch} {Mma} {O0}, {P0}, {B0}, {O0}; {Mma} {U0}, {P0}, {B1}, {U0}; " +
        $"{Mma} {O0}, {P1}, {B2}, {O0}; {Mma} {U0}, {P1}, {B3}, {U0};";
    public const string Values1 =
        "mul.f32 o8, o8, s0; mul.f32 o9, o9, s0; mul.f32 o10, o10, s1; mul.f32 o11, o11, s1; " +
        "mul.f32 o12, o12, s0; mul.f32 o13, o13, s0; mul.f32 o14, o14, s1; mul.f32 o15, o15, s1; " +
        $"{Fetch} {Mma} {O1}, {P0}, {B0}, {O1}; {Mma} {U1}, {P0}, {B1}, {U1}; " +
        $"{Mma} {O1}, {P1}, {B2}, {O1}; {Mma} {U1}, {P1}, {B3}, {U1};";
    public const string Values2 =
        "mul.f32 o16, o16, s0; mul.f32 o17, o17, s0; mul.f32 o18, o18, s1; mul.f32 o19, o19, s1; " +
        "mul.f32 o20, o20, s0; mul.f32 o21, o21, s0; mul.f32 o22, o22, s1; mul.f32 o23, o23, s1; " +
        $"{Fetch} {Mma} {O2}, {P0}, {B0}, {O2}; {Mma} {U2}, {P0}, {B1}, {U2}; " +
        $"{Mma} {O2}, {P1}, {B2}, {O2}; {Mma} {U2}, {P1}, {B3}, {U2};";
    public const string Values3 =
        "mul.f32 o24, o24, s0; mul.f32 o25, o25, s0; mul.f32 o26, o26, s1; mul.f32 o27, o27, s1; " +
        "mul.f32 o28, o28, s0; mul.f32 o29, o29, s0; mul.f32 o30, o30, s1; mul.f32 o31, o31, s1; " +
        $"{Fetch} {Mma} {O3}, {P0}, {B0}, {O3}; {Mma} {U3}, {P0}, {B1}, {U3}; " +
        $"{Mma} {O3}, {P1}, {B2}, {O3}; {Mma} {U3}, {P1}, {B3}, {U3};";
    public const string Values4 =
        "mul.f32 o32, o32, s0; mul.f32 o33, o33, s0; mul.f32 o34, o34, s1; mul.f32 o35, o35, s1; " +
        "mul.f32 o36, o36, s0; mul.f32 o37, o37, s0; mul.f32 o38, o38, s1; mul.f32 o39, o39, s1; " +
        $"{Fetch} {Mma} {O4}, {P0}, {B0}, {O4}; {Mma} {U4}, {P0}, {B1}, {U4}; " +
        $"{Mma} {O4}, {P1}, {B2}, {O4}; {Mma} {U4}, {P1}, {B3}, {U4};";
    public const string Values5 =
        "mul.f32 o40, o40, s0; mul.f32 o41, o41, s0; mul.f32 o42, o42, s1; mul.f32 o43, o43, s1; " +
        "mul.f32 o44, o44, s0; mul.f32 o45, o45, s0; mul.f32 o46, o46, s1; mul.f32 o47, o47, s1; " +
        $"{Fetch} {Mma} {O5}, {P0}, {B0}, {O5}; {Mma} {U5}, {P0}, {B1}, {U5}; " +
        $"{Mma} {O5}, {P1}, {B2}, {O5}; {Mma} {U5}, {P1}, {B3}, {U5};";
    public const string Values6 =
        "mul.f32 o48, o48, s0; mul.f32 o49, o49, s0; mul.f32 o50, o50, s1; mul.f32 o51, o51, s1; " +
        "mul.f32 o52, o52, s0; mul.f32 o53, o53, s0; mul.f32 o54, o54, s1; mul.f32 o55, o55, s1; " +
        $"{Fetch} {Mma} {O6}, {P0}, {B0}, {O6}; {Mma} {U6}, {P0}, {B1}, {U6}; " +
        $"{Mma} {O6}, {P1}, {B2}, {O6}; {Mma} {U6}, {P1}, {B3}, {U6};";
    public const string Values7 =
        "mul.f32 o56, o56, s0; mul.f32 o57, o57, s0; mul.f32 o58, o58, s1; mul.f32 o59, o59, s1; " +
        "mul.f32 o60, o60, s0; mul.f32 o61, o61, s0; mul.f32 o62, o62, s1; mul.f32 o63, o63, s1; " +
        $"{Fetch} {Mma} {O7}, {P0}, {B0}, {O7}; {Mma} {U7}, {P0}, {B1}, {U7}; " +
        $"{Mma} {O7}, {P1}, {B2}, {O7}; {Mma} {U7}, {P1}, {B3}, {U7};";
    public const string Values8 =
        "mul.f32 o64, o64, s0; mul.f32 o65, o65, s0; mul.f32 o66, o66, s1; mul.f32 o67, o67, s1; " +
        "mul.f32 o68, o68, s0; mul.f32 o69, o69, s0; mul.f32 o70, o70, s1; mul.f32 o71, o71, s1; " +
        $"{Fetch} {Mma} {O8}, {P0}, {B0}, {O8}; {Mma} {U8}, {P0}, {B1}, {U8}; " +
        $"{Mma} {O8}, {P1}, {B2}, {O8}; {Mma} {U8}, {P1}, {B3}, {U8};";
    public const string Values9 =
        "mul.f32 o72, o72, s0; mul.f32 o73, o73, s0; mul.f32 o74, o74, s1; mul.f32 o75, o75, s1; " +
        "mul.f32 o76, o76, s0; mul.f32 o77, o77, s0; mul.f32 o78, o78, s1; mul.f32 o79, o79, s1; " +
        $"{Fetch} {Mma} {O9}, {P0}, {B0}, {O9}; {Mma} {U9}, {P0}, {B1}, {U9}; " +
        $"{Mma} {O9}, {P1}, {B2}, {O9}; {Mma} {U9}, {P1}, {B3}, {U9};";
    public const string Values10 =
        "mul.f32 o80, o80, s0; mul.f32 o81, o81, s0; mul.f32 o82, o82, s1; mul.f32 o83, o83, s1; " +
        "mul.f32 o84, o84, s0; mul.f32 o85, o85, s0; mul.f32 o86, o86, s1; mul.f32 o87, o87, s1; " +
        $"{Fetch} {Mma} {O10}, {P0}, {B0}, {O10}; {Mma} {U10}, {P0}, {B1}, {U10}; " +
        $"{Mma} {O10}, {P1}, {B2}, {O10}; {Mma} {U10}, {P1}, {B3}, {U10};";
    public const string Values11 =
        "mul.f32 o88, o88, s0; mul.f32 o89, o89, s0; mul.f32 o90, o90, s1; mul.f32 o91, o91, s1; " +
        "mul.f32 o92, o92, s0; mul.f32 o93, o93, s0; mul.f32 o94, o94, s1; mul.f32 o95, o95, s1; " +
        $"{Fetch} {Mma} {O11}, {P0}, {B0}, {O11}; {Mma} {U11}, {P0}, {B1}, {U11}; " +
        $"{Mma} {O11}, {P1}, {B2}, {O11}; {Mma} {U11}, {P1}, {B3}, {U11};";
    public const string Values12 =
        "mul.f32 o96, o96, s0; mul.f32 o97, o97, s0; mul.f32 o98, o98, s1; mul.f32 o99, o99, s1; " +
        "mul.f32 o100, o100, s0; mul.f32 o101, o101, s0; mul.f32 o102, o102, s1; mul.f32 o103, o103, s1; " +
        $"{Fetch} {Mma} {O12}, {P0}, {B0}, {O12}; {Mma} {U12}, {P0}, {B1}, {U12}; " +
        $"{Mma} {O12}, {P1}, {B2}, {O12}; {Mma} {U12}, {P1}, {B3}, {U12};";
    public const string Values13 =
        "mul.f32 o104, o104, s0; mul.f32 o105, o105, s0; mul.f32 o106, o106, s1; mul.f32 o107, o107, s1; " +
        "mul.f32 o108, o108, s0; mul.f32 o109, o109, s0; mul.f32 o110, o110, s1; mul.f32 o111, o111, s1; " +
        $"{Fetch} {Mma} {O13}, {P0}, {B0}, {O13}; {Mma} {U13}, {P0}, {B1}, {U13}; " +
        $"{Mma} {O13}, {P1}, {B2}, {O13}; {Mma} {U13}, {P1}, {B3}, {U13};";
    public const string Values14 =
        "mul.f32 o112, o112, s0; mul.f32 o113, o113, s0; mul.f32 o114, o114, s1; mul.f32 o115, o115, s1; " +
        "mul.f32 o116, o116, s0; mul.f32 o117, o117, s0; mul.f32 o118, o118, s1; mul.f32 o119, o119, s1; " +
        $"{Fetch} {Mma} {O14}, {P0}, {B0}, {O14}; {Mma} {U14}, {P0}, {B1}, {U14}; " +
        $"{Mma} {O14}, {P1}, {B2}, {O14}; {Mma} {U14}, {P1}, {B3}, {U14};";
    public const string Values15 =
        "mul.f32 o120, o120, s0; mul.f32 o121, o121, s0; mul.f32 o122, o122, s1; mul.f32 o123, o123, s1; " +
        "mul.f32 o124, o124, s0; mul.f32 o125, o125, s0; mul.f32 o126, o126, s1; mul.f32 o127, o127, s1; " +
        $"{Fetch} {Mma} {O15}, {P0}, {B0}, {O15}; {Mma} {U15}, {P0}, {B1}, {U15}; " +
        $"{Mma} {O15}, {P1}, {B2}, {O15}; {Mma} {U15}, {P1}, {B3}, {U15};";

    /// <summary>Adds the second 32 keys' values; operands: offsets of their first 16 and of the others.</summary>
    public const string More0 =
        $"{Fetch} {Mma} {O0}, {P2}, {B0}, {O0}; {Mma} {U0}, {P2}, {B1}, {U0}; " +
        $"{Mma} {O0}, {P3}, {B2}, {O0}; {Mma} {U0}, {P3}, {B3}, {U0};";
    public const string More1 =
        $"{Fetch} {Mma} {O1}, {P2}, {B0}, {O1}; {Mma} {U1}, {P2}, {B1}, {U1}; " +
        $"{Mma} {O1}, {P3}, {B2}, {O1}; {Mma} {U1}, {P3}, {B3}, {U1};";
    public const string More2 =
        $"{Fetch} {Mma} {O2}, {P2}, {B0}, {O2}; {Mma} {U2}, {P2}, {B1}, {U2}; " +
        $"{Mma} {O2}, {P3}, {B2}, {O2}; {Mma} {U2}, {P3}, {B3}, {U2};";
    public const string More3 =
        $"{Fetch} {Mma} {O3}, {P2}, {B0}, {O3}; {Mma} {U3}, {P2}, {B1}, {U3}; " +
        $"{Mma} {O3}, {P3}, {B2}, {O3}; {Mma} {U3}, {P3}, {B3}, {U3};";
    public const string More4 =
        $"{Fetch} {Mma} {O4}, {P2}, {B0}, {O4}; {Mma} {U4}, {P2}, {B1}, {U4}; " +
        $"{Mma} {O4}, {P3}, {B2}, {O4}; {Mma} {U4}, {P3}, {B3}, {U4};";
    public const string More5 =
        $"{Fetch} {Mma} {O5}, {P2}, {B0}, {O5}; {Mma} {U5}, {P2}, {B1}, {U5}; " +
        $"{Mma} {O5}, {P3}, {B2}, {O5}; {Mma} {U5}, {P3}, {B3}, {U5};";
    public const string More6 =
        $"{Fetch} {Mma} {O6}, {P2}, {B0}, {O6}; {Mma} {U6}, {P2}, {B1}, {U6}; " +
        $"{Mma} {O6}, {P3}, {B2}, {O6}; {Mma} {U6}, {P3}, {B3}, {U6};";
    public const string More7 =
        $"{Fetch} {Mma} {O7}, {P2}, {B0}, {O7}; {Mma} {U7}, {P2}, {B1}, {U7}; " +
        $"{Mma} {O7}, {P3}, {B2}, {O7}; {Mma} {U7}, {P3}, {B3}, {U7};";

    /// <summary>
    /// Stores the sums of 16 dimensions to shared memory; operands: offsets of the lane's two numbers in rows g and g + 8 of the first
    /// eight.
    /// </summary>
    public const string Store0 =
        $"{Places} {Pair} [pa+0], {{o0, o1}}; {Pair} [pb+0], {{o2, o3}}; " +
        $"{Pair} [pa+32], {{o4, o5}}; {Pair} [pb+32], {{o6, o7}};";
    public const string Store1 =
        $"{Places} {Pair} [pa+64], {{o8, o9}}; {Pair} [pb+64], {{o10, o11}}; " +
        $"{Pair} [pa+96], {{o12, o13}}; {Pair} [pb+96], {{o14, o15}};";
    public const string Store2 =
        $"{Places} {Pair} [pa+128], {{o16, o17}}; {Pair} [pb+128], {{o18, o19}}; " +
        $"{Pair} [pa+160], {{o20, o21}}; {Pair} [pb+160], {{o22, o23}};";
    public const string Store3 =
        $"{Places} {Pair} [pa+192], {{o24, o25}}; {Pair} [pb+192], {{o26, o27}}; " +
        $"{Pair} [pa+224], {{o28, o29}}; {Pair} [pb+224], {{o30, o31}};";
    public const string Store4 =
        $"{Places} {Pair} [pa+256], {{o32, o33}}; {Pair} [pb+256], {{o34, o35}}; " +
        $"{Pair} [pa+288], {{o36, o37}}; {Pair} [pb+288], {{o38, o39}};";
    public const string Store5 =
        $"{Places} {Pair} [pa+320], {{o40, o41}}; {Pair} [pb+320], {{o42, o43}}; " +
        $"{Pair} [pa+352], {{o44, o45}}; {Pair} [pb+352], {{o46, o47}};";
    public const string Store6 =
        $"{Places} {Pair} [pa+384], {{o48, o49}}; {Pair} [pb+384], {{o50, o51}}; " +
        $"{Pair} [pa+416], {{o52, o53}}; {Pair} [pb+416], {{o54, o55}};";
    public const string Store7 =
        $"{Places} {Pair} [pa+448], {{o56, o57}}; {Pair} [pb+448], {{o58, o59}}; " +
        $"{Pair} [pa+480], {{o60, o61}}; {Pair} [pb+480], {{o62, o63}};";
    public const string Store8 =
        $"{Places} {Pair} [pa+512], {{o64, o65}}; {Pair} [pb+512], {{o66, o67}}; " +
        $"{Pair} [pa+544], {{o68, o69}}; {Pair} [pb+544], {{o70, o71}};";
    public const string Store9 =
        $"{Places} {Pair} [pa+576], {{o72, o73}}; {Pair} [pb+576], {{o74, o75}}; " +
        $"{Pair} [pa+608], {{o76, o77}}; {Pair} [pb+608], {{o78, o79}};";
    public const string Store10 =
        $"{Places} {Pair} [pa+640], {{o80, o81}}; {Pair} [pb+640], {{o82, o83}}; " +
        $"{Pair} [pa+672], {{o84, o85}}; {Pair} [pb+672], {{o86, o87}};";
    public const string Store11 =
        $"{Places} {Pair} [pa+704], {{o88, o89}}; {Pair} [pb+704], {{o90, o91}}; " +
        $"{Pair} [pa+736], {{o92, o93}}; {Pair} [pb+736], {{o94, o95}};";
    public const string Store12 =
        $"{Places} {Pair} [pa+768], {{o96, o97}}; {Pair} [pb+768], {{o98, o99}}; " +
        $"{Pair} [pa+800], {{o100, o101}}; {Pair} [pb+800], {{o102, o103}};";
    public const string Store13 =
        $"{Places} {Pair} [pa+832], {{o104, o105}}; {Pair} [pb+832], {{o106, o107}}; " +
        $"{Pair} [pa+864], {{o108, o109}}; {Pair} [pb+864], {{o110, o111}};";
    public const string Store14 =
        $"{Places} {Pair} [pa+896], {{o112, o113}}; {Pair} [pb+896], {{o114, o115}}; " +
        $"{Pair} [pa+928], {{o116, o117}}; {Pair} [pb+928], {{o118, o119}};";
    public const string Store15 =
        $"{Places} {Pair} [pa+960], {{o120, o121}}; {Pair} [pb+960], {{o122, o123}}; " +
        $"{Pair} [pa+992], {{o124, o125}}; {Pair} [pb+992], {{o126, o127}};";

    private const string DeclareRest =
        ".reg .b32 a<4>; .reg .b32 b<8>; .reg .f32 l<4>; .reg .b32 h<4>; .reg .f32 f<2>; .reg .f32 m<2>; .reg .f32 n<2>; .reg .f32 s<2>; " +
        ".reg .f32 x<2>; .reg .f32 y0, unseen; .reg .b32 ones; .reg .u32 sb, qa, ka, va, pa, pb; .reg .s32 back; .reg .pred seen; " +
        "mov.u32 sb, __dyn_shared_alloca; mov.f32 unseen, 0fFF800000; mov.f32 m0, unseen; mov.f32 m1, unseen; mov.b32 ones, 0x3C003C00; " +
        "mov.f32 l0, 0f00000000; mov.f32 l1, l0; mov.f32 l2, l0; mov.f32 l3, l0; mov.f32 n0, l0; mov.f32 n1, l0;";

    private const string FetchKeys = $"add.u32 pa, ka, %0; add.u32 pb, ka, %1; {Load} {B01}, [pa]; {Load} {B23}, [pb];";
    private const string Fetch = $"add.u32 pa, va, %0; add.u32 pb, va, %1; {LoadTurned} {B01}, [pa]; {LoadTurned} {B23}, [pb];";
    private const string Load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16";
    private const string LoadTurned = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16";
    private const string Mma = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32";
    private const string Shuffle = "shfl.sync.bfly.b32 y0,";
    private const string Pair = "st.shared.v2.f32";
    private const string Places = "add.u32 pa, sb, %0; add.u32 pb, sb, %1;";
    private const string A = "{a0, a1, a2, a3}";
    private const string B01 = "{b0, b1, b2, b3}";
    private const string B23 = "{b4, b5, b6, b7}";
    private const string B0 = "{b0, b1}";
    private const string B1 = "{b2, b3}";
    private const string B2 = "{b4, b5}";
    private const string B3 = "{b6, b7}";
    private const string P0 = "{p0, p1, p2, p3}";
    private const string P1 = "{p4, p5, p6, p7}";
    private const string P2 = "{p8, p9, p10, p11}";
    private const string P3 = "{p12, p13, p14, p15}";
    private const string L = "{l0, l1, l2, l3}";
    private const string Ones = "{ones, ones}";
    private const string O0 = "{o0, o1, o2, o3}";
    private const string U0 = "{o4, o5, o6, o7}";
    private const string O1 = "{o8, o9, o10, o11}";
    private const string U1 = "{o12, o13, o14, o15}";
    private const string O2 = "{o16, o17, o18, o19}";
    private const string U2 = "{o20, o21, o22, o23}";
    private const string O3 = "{o24, o25, o26, o27}";
    private const string U3 = "{o28, o29, o30, o31}";
    private const string O4 = "{o32, o33, o34, o35}";
    private const string U4 = "{o36, o37, o38, o39}";
    private const string O5 = "{o40, o41, o42, o43}";
    private const string U5 = "{o44, o45, o46, o47}";
    private const string O6 = "{o48, o49, o50, o51}";
    private const string U6 = "{o52, o53, o54, o55}";
    private const string O7 = "{o56, o57, o58, o59}";
    private const string U7 = "{o60, o61, o62, o63}";
    private const string O8 = "{o64, o65, o66, o67}";
    private const string U8 = "{o68, o69, o70, o71}";
    private const string O9 = "{o72, o73, o74, o75}";
    private const string U9 = "{o76, o77, o78, o79}";
    private const string O10 = "{o80, o81, o82, o83}";
    private const string U10 = "{o84, o85, o86, o87}";
    private const string O11 = "{o88, o89, o90, o91}";
    private const string U11 = "{o92, o93, o94, o95}";
    private const string O12 = "{o96, o97, o98, o99}";
    private const string U12 = "{o100, o101, o102, o103}";
    private const string O13 = "{o104, o105, o106, o107}";
    private const string U13 = "{o108, o109, o110, o111}";
    private const string O14 = "{o112, o113, o114, o115}";
    private const string U14 = "{o116, o117, o118, o119}";
    private const string O15 = "{o120, o121, o122, o123}";
    private const string U15 = "{o124, o125, o126, o127}";
    private const string C0 = "{c0, c1, c2, c3}";
    private const string C1 = "{c4, c5, c6, c7}";
    private const string C2 = "{c8, c9, c10, c11}";
    private const string C3 = "{c12, c13, c14, c15}";
    private const string C4 = "{c16, c17, c18, c19}";
    private const string C5 = "{c20, c21, c22, c23}";
    private const string C6 = "{c24, c25, c26, c27}";
    private const string C7 = "{c28, c29, c30, c31}";
}
