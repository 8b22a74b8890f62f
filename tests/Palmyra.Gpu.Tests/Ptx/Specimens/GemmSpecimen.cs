using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Palmyra.Gpu.Tests.Ptx.Specimens;

/// <summary>
/// A matrix product on tensor cores as a GPU backend would write it: C[M, N] = A[M, K]·W[N, K]ᵀ, brain floats in, floats out. A block computes
/// 64 x 64 numbers with four warps of 32 x 32 each, 32 columns of A and W at a time, three stages of shared memory filled by cp.async.
/// </summary>
/// <remarks>
/// A row of a stage is 64 bytes, four chunks of 16. Chunk c of row r lies at place c ^ (r / 2 % 4), so that the eight rows which one ldmatrix
/// pass reads, two to a line of 128 bytes, touch all 32 banks. Stage: 64 rows of A, then 64 rows of W.
/// </remarks>
internal static class GemmSpecimen
{
    public const int Tile = 64;
    public const int Depth = 32;
    public const int Threads = 128;
    public const int Stages = 3;
    public const int StageBytes = 2 * Tile * Depth * 2;

    private const string Declare =
        ".reg .f32 c<32>; .reg .b32 a<8>; .reg .b32 b<8>; .reg .u32 sb; .reg .u32 pa; .reg .u32 pb; mov.u32 sb, __dyn_shared_alloca;";

    private const string Clear =
        "mov.f32 c0, 0f00000000; mov.f32 c1, c0; mov.f32 c2, c0; mov.f32 c3, c0; mov.f32 c4, c0; mov.f32 c5, c0; mov.f32 c6, c0; " +
        "mov.f32 c7, c0; mov.f32 c8, c0; mov.f32 c9, c0; mov.f32 c10, c0; mov.f32 c11, c0; mov.f32 c12, c0; mov.f32 c13, c0; " +
        "mov.f32 c14, c0; mov.f32 c15, c0; mov.f32 c16, c0; mov.f32 c17, c0; mov.f32 c18, c0; mov.f32 c19, c0; mov.f32 c20, c0; " +
        "mov.f32 c21, c0; mov.f32 c22, c0; mov.f32 c23, c0; mov.f32 c24, c0; mov.f32 c25, c0; mov.f32 c26, c0; mov.f32 c27, c0; " +
        "mov.f32 c28, c0; mov.f32 c29, c0; mov.f32 c30, c0; mov.f32 c31, c0;";

    private const string Fetch =
        "add.u32 pa, sb, %0; add.u32 pb, sb, %1; " +
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {a0, a1, a2, a3}, [pa]; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {a4, a5, a6, a7}, [pa+1024]; " +
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {b0, b1, b2, b3}, [pb]; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {b4, b5, b6, b7}, [pb+1024];";

    private const string Mma = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";
    private const string A0 = "{a0, a1, a2, a3}";
    private const string A1 = "{a4, a5, a6, a7}";

    private const string Multiply =
        $"{Mma} {{c0, c1, c2, c3}}, {A0}, {{b0, b1}}, {{c0, c1, c2, c3}}; " +
        $"{Mma} {{c4, c5, c6, c7}}, {A0}, {{b2, b3}}, {{c4, c5, c6, c7}}; " +
        $"{Mma} {{c8, c9, c10, c11}}, {A0}, {{b4, b5}}, {{c8, c9, c10, c11}}; " +
        $"{Mma} {{c12, c13, c14, c15}}, {A0}, {{b6, b7}}, {{c12, c13, c14, c15}}; " +
        $"{Mma} {{c16, c17, c18, c19}}, {A1}, {{b0, b1}}, {{c16, c17, c18, c19}}; " +
        $"{Mma} {{c20, c21, c22, c23}}, {A1}, {{b2, b3}}, {{c20, c21, c22, c23}}; " +
        $"{Mma} {{c24, c25, c26, c27}}, {A1}, {{b4, b5}}, {{c24, c25, c26, c27}}; " +
        $"{Mma} {{c28, c29, c30, c31}}, {A1}, {{b6, b7}}, {{c28, c29, c30, c31}};";

    // Of each 16 x 8 result a lane holds two numbers of row lane / 4 and two of the row eight below.
    private const string WriteUpper =
        "st.global.v2.f32 [%0], {c0, c1}; st.global.v2.f32 [%1], {c2, c3}; st.global.v2.f32 [%0+32], {c4, c5}; st.global.v2.f32 [%1+32], {c6, c7}; " +
        "st.global.v2.f32 [%0+64], {c8, c9}; st.global.v2.f32 [%1+64], {c10, c11}; st.global.v2.f32 [%0+96], {c12, c13}; st.global.v2.f32 [%1+96], {c14, c15};";

    private const string WriteLower =
        "st.global.v2.f32 [%0], {c16, c17}; st.global.v2.f32 [%1], {c18, c19}; st.global.v2.f32 [%0+32], {c20, c21}; st.global.v2.f32 [%1+32], {c22, c23}; " +
        "st.global.v2.f32 [%0+64], {c24, c25}; st.global.v2.f32 [%1+64], {c26, c27}; st.global.v2.f32 [%0+96], {c28, c29}; st.global.v2.f32 [%1+96], {c30, c31};";

    /// <summary>The kernel. M and N are multiples of 64, K of 32.</summary>
    public static void Gemm(long a, long w, long c, int n, int k)
    {
        // Asking for dynamic shared memory makes ILGPU declare the symbol that the assembly names; nothing is stored through it.
        ArrayView<Chunk> shared = SharedMemory.GetDynamic<Chunk>();
        int thread = Group.IdxX;
        if (k < 0)
        {
            shared[thread] = default;
        }

        CudaAsm.Emit(Declare);
        CudaAsm.Emit(Clear);
        int lane = thread & 31;
        int warpRow = thread >> 6;
        int warpColumn = (thread >> 5) & 1;
        int swizzle = (lane >> 1) & 3;
        uint offsetA = (uint)((((warpRow * 32) + (lane & 15)) * 64) + (((lane >> 4) ^ swizzle) << 4));
        uint offsetW = (uint)(4096 + (((warpColumn * 32) + (lane & 7) + ((lane >> 4) << 3)) * 64) + ((((lane >> 3) & 1) ^ swizzle) << 4));

        int row = thread >> 2;
        int chunk = thread & 3;
        uint target = (uint)((row * 64) + ((chunk ^ ((row >> 1) & 3)) << 4));
        long step = 64L * k;
        long nextA = a + ((((long)Grid.IdxY * Tile) + row) * k * 2) + (chunk * 16);
        long nextW = w + ((((long)Grid.IdxX * Tile) + row) * k * 2) + (chunk * 16);
        int steps = k / Depth;
        int fetched = 0;
        uint filling = 0;
        for (; fetched < Stages - 1; fetched++)
        {
            Fill(filling + target, nextA, nextW, step, fetched < steps);
            nextA += Depth * 2;
            nextW += Depth * 2;
            filling += StageBytes;
        }

        uint reading = 0;
        for (int i = 0; i < steps; i++)
        {
            CudaAsm.Emit("cp.async.wait_group 1;");
            Group.Barrier();
            Fill(filling + target, nextA, nextW, step, fetched < steps);
            fetched++;
            nextA += Depth * 2;
            nextW += Depth * 2;
            filling = filling == (Stages - 1) * StageBytes ? 0 : filling + StageBytes;

            CudaAsm.Emit(Fetch, reading + offsetA, reading + offsetW);
            CudaAsm.Emit(Multiply);
            CudaAsm.Emit(Fetch, reading + (offsetA ^ 32u), reading + (offsetW ^ 32u));
            CudaAsm.Emit(Multiply);
            reading = reading == (Stages - 1) * StageBytes ? 0 : reading + StageBytes;
        }

        long first = ((long)Grid.IdxY * Tile) + (warpRow * 32) + (lane >> 2);
        long column = ((long)Grid.IdxX * Tile) + (warpColumn * 32) + ((lane & 3) * 2);
        long result = c + (((first * n) + column) * 4);
        long eight = 32L * n;
        CudaAsm.Emit(WriteUpper, result, result + eight);
        CudaAsm.Emit(WriteLower, result + (2 * eight), result + (3 * eight));
    }

    // Each of 128 threads copies two chunks of A and two of W; a group is closed even where nothing is left to copy, so that the count holds.
    private static void Fill(uint target, long a, long w, long step, bool any)
    {
        if (any)
        {
            CudaAsm.Emit("add.u32 pa, sb, %0; cp.async.cg.shared.global [pa], [%1], 16; cp.async.cg.shared.global [pa+2048], [%2], 16;", target, a, a + step);
            CudaAsm.Emit("add.u32 pa, sb, %0; cp.async.cg.shared.global [pa+4096], [%1], 16; cp.async.cg.shared.global [pa+6144], [%2], 16;", target, w, w + step);
        }

        CudaAsm.Emit("cp.async.commit_group;");
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Chunk
    {
        public uint X;
        public uint Y;
        public uint Z;
        public uint W;
    }
}
