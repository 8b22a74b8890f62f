namespace Palmyra.Gpu.Kernels;

// The inline PTX of the GEMM kernels. ILGPU keeps what an Emit writes through its parameters in local memory, so nothing comes back that
// way: one Emit declares registers by name, and the others name them.
//
//   c0 .. c63   sums of a warp: 16 x 8 numbers of the result take four registers, four such tiles a row of tiles, up to four rows of tiles
//   a0 .. a15   inputs of the warp: 16 rows x 16 inputs take four registers; up to four rows of tiles
//   b0 .. b7    weights of the warp: 8 outputs x 16 inputs take two registers; four tiles
//   sb          where dynamic shared memory begins
//   pa, pb      addresses within it
//
// and what stays the same in all steps. ILGPU moves what it can compute from the parameters to where it is used, into the loop too; a
// register it does not know keeps its value.
//
//   toX         where the thread's first piece of inputs goes in stage 0; with 16-bit weights, a distance behind it, its first of weights
//   fromX       address of its first piece of inputs
//   sizeX0, 1   bytes that it copies of its two pieces of inputs: 16, or 0 for a row beyond the last
//   fromW, sizeW0, 1   the same of weights; of Q8 and Q4 there is one copy of half a group
//   further     from a thread's first piece to its second, in the inputs and in the weights
//   left        pieces of a row from the thread's own to the end
//   x0, x1      what the lane names to ldmatrix: its row of the warp's inputs in stage 0, first 16 inputs and second
//   w0, w1      the same of weights at offset 0
//
// How a warp holds its tiles (PTX manual, "Matrix Fragments for mma.m16n8k16"), with g = lane/4 and t = lane%4; a register holds two
// inputs:
//
//            inputs 2t,2t+1  2t+8,2t+9                  inputs 2t,2t+1  2t+8,2t+9                 outputs 2t  2t+1
//   row g         a0            a2        output g           b0            b1           row g           c0   c1
//   row g+8       a1            a3                                                      row g+8         c2   c3
//
// An ldmatrix.x4 loads four matrices of 8 rows x 8 numbers; lanes 8i .. 8i+7 name the rows of matrix i, which register i then holds as
// above. For a: (rows 0-7, inputs 0-7), (8-15, 0-7), (0-7, 8-15), (8-15, 8-15). For b: (outputs 0-7, inputs 0-7), (0-7, 8-15), (8-15, 0-7),
// (8-15, 8-15), two tiles of outputs. A row in shared memory has 32 numbers, so 64 bytes, and sixteen rows are 1,024.
internal static class GemmText
{
    public const string Declare =
        ".reg .f32 c<64>; .reg .b32 a<16>; .reg .b32 b<8>; .reg .u32 sb, pa, pb, toX, sizeX0, sizeX1, sizeW0, sizeW1, left, size; " +
        ".reg .u32 x<2>; .reg .u32 w<2>; .reg .u64 fromX, fromW, further, from; .reg .pred inside; mov.u32 sb, __dyn_shared_alloca;";

    /// <summary>Keeps toX, fromX, sizeX0 and sizeX1.</summary>
    public const string KeepInputs = "add.u32 toX, sb, %0; mov.u64 fromX, %1; mov.u32 sizeX0, %2; mov.u32 sizeX1, %3;";

    /// <summary>Keeps fromW, sizeW0 and sizeW1.</summary>
    public const string KeepWeights = "mov.u64 fromW, %0; mov.u32 sizeW0, %1; mov.u32 sizeW1, %2;";

    /// <summary>Keeps further and left.</summary>
    public const string KeepPieces = "mov.u64 further, %0; mov.u32 left, %1;";

    /// <summary>Keeps x0, w0, x1 and w1.</summary>
    public const string KeepPlaces = "add.u32 x0, sb, %0; add.u32 w0, sb, %1; add.u32 x1, sb, %2; add.u32 w1, sb, %3;";

    /// <summary>
    /// Starts asynchronous copies of the thread's two pieces of inputs; operands: offsets in shared memory of the first and the second from
    /// toX, bytes from fromX, and pieces before this step's. What is not to be read is filled with zeros.
    /// </summary>
    public const string CopyInputs =
        "add.u32 pa, toX, %0; add.u32 pb, toX, %1; add.u64 from, fromX, %2; setp.lt.s32 inside, %3, left; " +
        "selp.b32 size, sizeX0, 0, inside; cp.async.cg.shared.global [pa], [from], 16, size; " +
        "add.u64 from, from, further; selp.b32 size, sizeX1, 0, inside; cp.async.cg.shared.global [pb], [from], 16, size;";

    /// <summary>The same of one piece, of flat tiles.</summary>
    public const string CopyFewInputs =
        "add.u32 pa, toX, %0; add.u64 from, fromX, %1; setp.lt.s32 inside, %2, left; " +
        "selp.b32 size, sizeX0, 0, inside; cp.async.cg.shared.global [pa], [from], 16, size;";

    /// <summary>The same of 16-bit weights, bytes from fromW.</summary>
    public const string CopyWeights =
        "add.u32 pa, toX, %0; add.u32 pb, toX, %1; add.u64 from, fromW, %2; setp.lt.s32 inside, %3, left; " +
        "selp.b32 size, sizeW0, 0, inside; cp.async.cg.shared.global [pa], [from], 16, size; " +
        "add.u64 from, from, further; selp.b32 size, sizeW1, 0, inside; cp.async.cg.shared.global [pb], [from], 16, size;";

    /// <summary>Closes the group of copies begun since the last one, an empty one too.</summary>
    public const string Commit = "cp.async.commit_group;";

    /// <summary>Waits until only the two latest groups may be under way.</summary>
    public const string WaitForOldest = "cp.async.wait_group 2;";

    /// <summary>Waits for all copies.</summary>
    public const string WaitForAll = "cp.async.wait_all;";

    /// <summary>Sets the sums of a row of tiles to zero.</summary>
    public const string Clear0 =
        "mov.f32 c0, 0f00000000; mov.f32 c1, c0; mov.f32 c2, c0; mov.f32 c3, c0; mov.f32 c4, c0; mov.f32 c5, c0; " +
        "mov.f32 c6, c0; mov.f32 c7, c0; " +
        "mov.f32 c8, c0; mov.f32 c9, c0; mov.f32 c10, c0; mov.f32 c11, c0; mov.f32 c12, c0; mov.f32 c13, c0; " +
        "mov.f32 c14, c0; mov.f32 c15, c0; ";

    /// <summary>Those of two.</summary>
    public const string Clear01 = $"{Clear0}{Clear1}";

    /// <summary>The other two.</summary>
    public const string Clear23 = $"{Clear2}{Clear3}";

    /// <summary>
    /// Loads half a row of tiles' numbers, 16 outputs, of the step's first 16 inputs; operands as below.
    /// </summary>
    public const string FetchFirst0 = $"{First} {Load0}";

    /// <summary>
    /// Loads two rows of tiles' numbers of the step's first 16 inputs; operands: offsets of the stages of inputs and weights.
    /// </summary>
    public const string FetchFirst01 = $"{First} {Load01}";

    /// <summary>The same for four rows of tiles.</summary>
    public const string FetchFirst0123 = $"{First} {Load01} {Load23}";

    /// <summary>The step's second 16 inputs, of half a row of tiles.</summary>
    public const string FetchSecond0 = $"{Second} {Load0}";

    /// <summary>The step's second 16 inputs.</summary>
    public const string FetchSecond01 = $"{Second} {Load01}";

    /// <summary>The same for four rows of tiles.</summary>
    public const string FetchSecond0123 = $"{Second} {Load01} {Load23}";

    /// <summary>c += a·b of half a row of tiles, brain floats.</summary>
    public const string Brain0 = $"{Brain} {C00}, {A0}, {B0}, {C00}; {Brain} {C01}, {A0}, {B1}, {C01};";

    /// <summary>c += a·b of two rows of tiles, brain floats.</summary>
    public const string Brain01 =
        $"{Brain} {C00}, {A0}, {B0}, {C00}; {Brain} {C01}, {A0}, {B1}, {C01}; {Brain} {C02}, {A0}, {B2}, {C02}; " +
        $"{Brain} {C03}, {A0}, {B3}, {C03}; " +
        $"{Brain} {C10}, {A1}, {B0}, {C10}; {Brain} {C11}, {A1}, {B1}, {C11}; {Brain} {C12}, {A1}, {B2}, {C12}; " +
        $"{Brain} {C13}, {A1}, {B3}, {C13}; ";

    /// <summary>The other two.</summary>
    public const string Brain23 =
        $"{Brain} {C20}, {A2}, {B0}, {C20}; {Brain} {C21}, {A2}, {B1}, {C21}; {Brain} {C22}, {A2}, {B2}, {C22}; " +
        $"{Brain} {C23}, {A2}, {B3}, {C23}; " +
        $"{Brain} {C30}, {A3}, {B0}, {C30}; {Brain} {C31}, {A3}, {B1}, {C31}; {Brain} {C32}, {A3}, {B2}, {C32}; " +
        $"{Brain} {C33}, {A3}, {B3}, {C33}; ";

    /// <summary>c += a·b of half a row of tiles, halves.</summary>
    public const string Half0 = $"{Half} {C00}, {A0}, {B0}, {C00}; {Half} {C01}, {A0}, {B1}, {C01};";

    /// <summary>c += a·b of two rows of tiles, halves.</summary>
    public const string Half01 =
        $"{Half} {C00}, {A0}, {B0}, {C00}; {Half} {C01}, {A0}, {B1}, {C01}; {Half} {C02}, {A0}, {B2}, {C02}; " +
        $"{Half} {C03}, {A0}, {B3}, {C03}; " +
        $"{Half} {C10}, {A1}, {B0}, {C10}; {Half} {C11}, {A1}, {B1}, {C11}; {Half} {C12}, {A1}, {B2}, {C12}; " +
        $"{Half} {C13}, {A1}, {B3}, {C13}; ";

    /// <summary>The other two.</summary>
    public const string Half23 =
        $"{Half} {C20}, {A2}, {B0}, {C20}; {Half} {C21}, {A2}, {B1}, {C21}; {Half} {C22}, {A2}, {B2}, {C22}; " +
        $"{Half} {C23}, {A2}, {B3}, {C23}; " +
        $"{Half} {C30}, {A3}, {B0}, {C30}; {Half} {C31}, {A3}, {B1}, {C31}; {Half} {C32}, {A3}, {B2}, {C32}; " +
        $"{Half} {C33}, {A3}, {B3}, {C33}; ";

    /// <summary>Stores half a row of tiles to shared memory; operands as below.</summary>
    public const string StoreFlat =
        $"{Places} {Pair} [pa], {{c0, c1}}; {Pair} [pb], {{c2, c3}}; {Pair} [pa+32], {{c4, c5}}; {Pair} [pb+32], {{c6, c7}};";

    /// <summary>
    /// Stores a row of tiles to shared memory; operands: offsets of the lane's two numbers in rows g and g + 8 of the first tile.
    /// </summary>
    public const string Store0 =
        $"{Places} {Pair} [pa], {{c0, c1}}; {Pair} [pb], {{c2, c3}}; {Pair} [pa+32], {{c4, c5}}; {Pair} [pb+32], {{c6, c7}}; " +
        $"{Pair} [pa+64], {{c8, c9}}; {Pair} [pb+64], {{c10, c11}}; {Pair} [pa+96], {{c12, c13}}; {Pair} [pb+96], {{c14, c15}};";

    /// <summary>The second row of tiles.</summary>
    public const string Store1 =
        $"{Places} {Pair} [pa], {{c16, c17}}; {Pair} [pb], {{c18, c19}}; {Pair} [pa+32], {{c20, c21}}; {Pair} [pb+32], {{c22, c23}}; " +
        $"{Pair} [pa+64], {{c24, c25}}; {Pair} [pb+64], {{c26, c27}}; {Pair} [pa+96], {{c28, c29}}; {Pair} [pb+96], {{c30, c31}};";

    /// <summary>The third row of tiles.</summary>
    public const string Store2 =
        $"{Places} {Pair} [pa], {{c32, c33}}; {Pair} [pb], {{c34, c35}}; {Pair} [pa+32], {{c36, c37}}; {Pair} [pb+32], {{c38, c39}}; " +
        $"{Pair} [pa+64], {{c40, c41}}; {Pair} [pb+64], {{c42, c43}}; {Pair} [pa+96], {{c44, c45}}; {Pair} [pb+96], {{c46, c47}};";

    /// <summary>The fourth row of tiles.</summary>
    public const string Store3 =
        $"{Places} {Pair} [pa], {{c48, c49}}; {Pair} [pb], {{c50, c51}}; {Pair} [pa+32], {{c52, c53}}; {Pair} [pb+32], {{c54, c55}}; " +
        $"{Pair} [pa+64], {{c56, c57}}; {Pair} [pb+64], {{c58, c59}}; {Pair} [pa+96], {{c60, c61}}; {Pair} [pb+96], {{c62, c63}};";

    private const string First = "add.u32 pa, x0, %0; add.u32 pb, w0, %1;";
    private const string Second = "add.u32 pa, x1, %0; add.u32 pb, w1, %1;";
    private const string Load0 = $"{Load} {A0}, [pa]; {Load} {{b0, b1, b2, b3}}, [pb];";
    private const string Load01 =
        $"{Load} {A0}, [pa]; {Load} {A1}, [pa+1024]; {Load} {{b0, b1, b2, b3}}, [pb]; {Load} {{b4, b5, b6, b7}}, [pb+1024];";
    private const string Load23 = $"{Load} {A2}, [pa+2048]; {Load} {A3}, [pa+3072];";
    private const string Load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16";
    private const string Brain = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";
    private const string Half = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32";
    private const string Pair = "st.shared.v2.f32";
    private const string Places = "add.u32 pa, sb, %0; add.u32 pb, sb, %1;";

    private const string A0 = "{a0, a1, a2, a3}";
    private const string A1 = "{a4, a5, a6, a7}";
    private const string A2 = "{a8, a9, a10, a11}";
    private const string A3 = "{a12, a13, a14, a15}";
    private const string B0 = "{b0, b1}";
    private const string B1 = "{b2, b3}";
    private const string B2 = "{b4, b5}";
    private const string B3 = "{b6, b7}";

    // The sums of the tile in row i and column j of the warp's tiles.
    private const string C00 = "{c0, c1, c2, c3}";
    private const string C01 = "{c4, c5, c6, c7}";
    private const string C02 = "{c8, c9, c10, c11}";
    private const string C03 = "{c12, c13, c14, c15}";
    private const string C10 = "{c16, c17, c18, c19}";
    private const string C11 = "{c20, c21, c22, c23}";
    private const string C12 = "{c24, c25, c26, c27}";
    private const string C13 = "{c28, c29, c30, c31}";
    private const string C20 = "{c32, c33, c34, c35}";
    private const string C21 = "{c36, c37, c38, c39}";
    private const string C22 = "{c40, c41, c42, c43}";
    private const string C23 = "{c44, c45, c46, c47}";
    private const string C30 = "{c48, c49, c50, c51}";
    private const string C31 = "{c52, c53, c54, c55}";
    private const string C32 = "{c56, c57, c58, c59}";
    private const string C33 = "{c60, c61, c62, c63}";

    private const string Clear1 =
        "mov.f32 c16, c0; mov.f32 c17, c0; mov.f32 c18, c0; mov.f32 c19, c0; mov.f32 c20, c0; mov.f32 c21, c0; " +
        "mov.f32 c22, c0; mov.f32 c23, c0; " +
        "mov.f32 c24, c0; mov.f32 c25, c0; mov.f32 c26, c0; mov.f32 c27, c0; mov.f32 c28, c0; mov.f32 c29, c0; " +
        "mov.f32 c30, c0; mov.f32 c31, c0; ";

    private const string Clear2 =
        "mov.f32 c32, c0; mov.f32 c33, c0; mov.f32 c34, c0; mov.f32 c35, c0; mov.f32 c36, c0; mov.f32 c37, c0; " +
        "mov.f32 c38, c0; mov.f32 c39, c0; " +
        "mov.f32 c40, c0; mov.f32 c41, c0; mov.f32 c42, c0; mov.f32 c43, c0; mov.f32 c44, c0; mov.f32 c45, c0; " +
        "mov.f32 c46, c0; mov.f32 c47, c0; ";

    private const string Clear3 =
        "mov.f32 c48, c0; mov.f32 c49, c0; mov.f32 c50, c0; mov.f32 c51, c0; mov.f32 c52, c0; mov.f32 c53, c0; " +
        "mov.f32 c54, c0; mov.f32 c55, c0; " +
        "mov.f32 c56, c0; mov.f32 c57, c0; mov.f32 c58, c0; mov.f32 c59, c0; mov.f32 c60, c0; mov.f32 c61, c0; " +
        "mov.f32 c62, c0; mov.f32 c63, c0; ";
}
