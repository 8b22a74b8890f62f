using System.Text;
using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

// The fragments' layout is written out here as the manual's figures have it, per shape, not as the one pattern that the interpreter uses.
public sealed class TensorTests
{
    [Theory]
    [InlineData("m16n8k16", "bf16", 16)]
    [InlineData("m16n8k16", "f16", 16)]
    [InlineData("m16n8k8", "bf16", 8)]
    [InlineData("m16n8k8", "f16", 8)]
    public void ProductsOf16BitFloats(string shape, string type, int inner)
    {
        var random = new Random(3);
        float[,] a = Matrix(random, 16, inner);
        float[,] b = Matrix(random, inner, 8);
        float[,] c = Matrix(random, 16, 8);
        Func<float, ushort> bits = type == "bf16"
            ? value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)
            : value => BitConverter.HalfToUInt16Bits((Half)value);
        uint[][] registersA = new uint[inner / 4][];
        for (int i = 0; i < registersA.Length; i++)
        {
            registersA[i] = Lanes((g, t) => Pair(bits(a[g + (i % 2 * 8), (2 * t) + (i / 2 * 8)]), bits(a[g + (i % 2 * 8), (2 * t) + 1 + (i / 2 * 8)])));
        }

        uint[][] registersB = new uint[inner / 8][];
        for (int i = 0; i < registersB.Length; i++)
        {
            registersB[i] = Lanes((g, t) => Pair(bits(b[(2 * t) + (i * 8), g]), bits(b[(2 * t) + 1 + (i * 8), g])));
        }

        uint[][] registersC = [.. Enumerable.Range(0, 4).Select(i => Lanes((g, t) => BitConverter.SingleToUInt32Bits(c[g + (i / 2 * 8), (2 * t) + (i % 2)])))];
        uint[][] result = Multiply($"mma.sync.aligned.{shape}.row.col.f32.{type}.{type}.f32", registersA, registersB, registersC, 4);
        for (int i = 0; i < 4; i++)
        {
            float[] expected = [.. Lanes((g, t) => BitConverter.SingleToUInt32Bits(Sum(a, b, c, g + (i / 2 * 8), (2 * t) + (i % 2), inner))).Select(BitConverter.UInt32BitsToSingle)];
            Assert.Equal(expected, result[i].Select(BitConverter.UInt32BitsToSingle));
        }

        if (type == "f16")
        {
            uint[][] narrowC = [.. Enumerable.Range(0, 2).Select(i => Lanes((g, t) => Pair(bits(c[g + (i * 8), 2 * t]), bits(c[g + (i * 8), (2 * t) + 1]))))];
            result = Multiply($"mma.sync.aligned.{shape}.row.col.f16.f16.f16.f16", registersA, registersB, narrowC, 2);
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal(Lanes((g, t) => Pair(bits(Sum(a, b, c, g + (i * 8), 2 * t, inner)), bits(Sum(a, b, c, g + (i * 8), (2 * t) + 1, inner)))), result[i]);
            }
        }
    }

    [Fact]
    public void ProductsOfBytes()
    {
        var random = new Random(4);
        sbyte[,] a = new sbyte[16, 32];
        sbyte[,] b = new sbyte[32, 8];
        for (int i = 0; i < 16 * 32; i++)
        {
            a[i / 32, i % 32] = (sbyte)random.Next(-128, 128);
            b[i / 8 % 32, i % 8] = (sbyte)random.Next(-128, 128);
        }

        int[,] rowsAndColumns = { { 0, 0 }, { 8, 0 }, { 0, 16 }, { 8, 16 } };
        uint[][] registersA = [.. Enumerable.Range(0, 4).Select(i => Lanes((g, t) => Bytes(k => a[g + rowsAndColumns[i, 0], (4 * t) + k + rowsAndColumns[i, 1]])))];
        uint[][] registersB = [.. Enumerable.Range(0, 2).Select(i => Lanes((g, t) => Bytes(k => b[(4 * t) + k + (16 * i), g])))];
        uint[][] registersC = [.. Enumerable.Range(0, 4).Select(i => Lanes((g, t) => (uint)((1 << 28) + g - t)))];
        uint[][] result = Multiply("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32", registersA, registersB, registersC, 4);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(
                Lanes((g, t) => (uint)((1 << 28) + g - t + Enumerable.Range(0, 32).Sum(k => a[g + (i / 2 * 8), k] * b[k, (2 * t) + (i % 2)]))), result[i]);
        }
    }

    [Fact]
    public void ProductsOf32BitFloatsLookAt19Bits()
    {
        var random = new Random(5);
        float[,] a = Matrix(random, 16, 8);
        float[,] b = Matrix(random, 8, 8);
        uint noise = 0x1FFF;
        uint[][] registersA = [.. Enumerable.Range(0, 4).Select(i => Lanes((g, t) => BitConverter.SingleToUInt32Bits(a[g + (i % 2 * 8), t + (i / 2 * 4)]) | noise))];
        uint[][] registersB = [.. Enumerable.Range(0, 2).Select(i => Lanes((g, t) => BitConverter.SingleToUInt32Bits(b[t + (i * 4), g]) | noise))];
        uint[][] zero = [.. Enumerable.Range(0, 4).Select(_ => new uint[32])];
        uint[][] result = Multiply("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", registersA, registersB, zero, 4);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(Lanes((g, t) => BitConverter.SingleToUInt32Bits(Sum(a, b, new float[16, 8], g + (i / 2 * 8), (2 * t) + (i % 2), 8))), result[i]);
        }
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(4, false)]
    [InlineData(4, true)]
    public void MatricesFromSharedMemory(int count, bool transposed)
    {
        // 32 rows of 8 numbers, number c of row r being 100r + c.
        string registers = string.Join(", ", Enumerable.Range(4, count).Select(i => $"r{i}"));
        string stores = string.Concat(Enumerable.Range(0, count).Select(i => $"st.global.u32 [mine+{128 * i}], r{4 + i};"));
        uint[] result = Snippet.Run(
            $$"""
            mul.lo.u32 r0, tid, 16; mul.lo.u32 r1, tid, 6553700; add.u32 r1, r1, 65536;
            st.shared.u32 [r0], r1; add.u32 r1, r1, 0x00020002; st.shared.u32 [r0+4], r1; add.u32 r1, r1, 0x00020002; st.shared.u32 [r0+8], r1;
            add.u32 r1, r1, 0x00020002; st.shared.u32 [r0+12], r1; bar.sync 0;
            ldmatrix.sync.aligned.m8n8.x{{count}}{{(transposed ? ".trans" : string.Empty)}}.shared.b16 { {{registers}} }, [r0]; {{stores}}
            """,
            threads: 32,
            results: 128,
            shared: 512);
        for (int matrix = 0; matrix < count; matrix++)
        {
            uint Number(int row, int column) => (uint)((100 * ((8 * matrix) + row)) + column) & 0xFFFF;
            Assert.Equal(
                Lanes((g, t) => transposed ? Number(2 * t, g) | Number((2 * t) + 1, g) << 16 : Number(g, 2 * t) | Number(g, (2 * t) + 1) << 16),
                result[(32 * matrix)..(32 * (matrix + 1))]);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void MatricesToSharedMemoryAndBack(bool transposed)
    {
        string way = transposed ? ".trans" : string.Empty;
        uint[] result = Snippet.Run(
            $$"""
            mul.lo.u32 r0, tid, 16; mul.lo.u32 r1, tid, 0x00030005; add.u32 r2, r1, 1; add.u32 r3, r1, 2; add.u32 r4, r1, 3;
            stmatrix.sync.aligned.m8n8.x4{{way}}.shared.b16 [r0], {r1, r2, r3, r4}; bar.warp.sync -1;
            ldmatrix.sync.aligned.m8n8.x4{{way}}.shared.b16 {r5, r6, r7, r8}, [r0];
            xor.b32 r5, r5, r1; xor.b32 r6, r6, r2; xor.b32 r7, r7, r3; xor.b32 r8, r8, r4; or.b32 r5, r5, r6; or.b32 r5, r5, r7; or.b32 r5, r5, r8; st.global.u32 [mine], r5;
            """,
            threads: 32,
            results: 32,
            shared: 512);
        Assert.All(result, difference => Assert.Equal(0u, difference));
    }

    private static uint[][] Multiply(string instruction, uint[][] a, uint[][] b, uint[][] c, int results)
    {
        uint[][] inputs = [.. a, .. b, .. c];
        var body = new StringBuilder(".reg .b32 x<32>; .reg .b32 d<4>; .reg .b32 t; .reg .b64 in, out; mov.u32 t, %tid.x; ld.param.u64 in, [from]; mad.wide.u32 in, t, 4, in; ld.param.u64 out, [to]; mad.wide.u32 out, t, 4, out;\n");
        for (int i = 0; i < inputs.Length; i++)
        {
            body.Append($"ld.global.b32 x{i}, [in+{128 * i}];");
        }

        string List(string name, int first, int count) => "{" + string.Join(", ", Enumerable.Range(first, count).Select(i => $"{name}{i}")) + "}";
        body.Append($"{instruction} {List("d", 0, results)}, {List("x", 0, a.Length)}, {List("x", a.Length, b.Length)}, {List("x", a.Length + b.Length, c.Length)};");
        for (int i = 0; i < results; i++)
        {
            body.Append($"st.global.b32 [out+{128 * i}], d{i};");
        }

        using var driver = new PtxDriver();
        nint from = driver.Upload<uint>([.. inputs.SelectMany(register => register)]);
        nint to = driver.Allocate(128 * results);
        driver.Launch(
            driver.Load(Snippet.Kernel(".param .u64 from, .param .u64 to", body.ToString())), new LaunchShape(1, 1, 32), default(KernelArguments).Add((long)from).Add((long)to).Bytes);
        Assert.Equal(1, driver.LastLaunch!.TensorOperations);
        uint[] result = driver.Download<uint>(to, 32 * results);
        return [.. Enumerable.Range(0, results).Select(i => result[(32 * i)..(32 * (i + 1))])];
    }

    private static uint[] Lanes(Func<int, int, uint> number) => [.. Enumerable.Range(0, 32).Select(lane => number(lane / 4, lane % 4))];

    private static uint Pair(ushort low, ushort high) => (uint)high << 16 | low;

    private static uint Bytes(Func<int, sbyte> number) => (uint)Enumerable.Range(0, 4).Sum(i => (long)(byte)number(i) << (8 * i));

    // Small multiples of a quarter: sums of products are exact in every format, in whatever order.
    private static float[,] Matrix(Random random, int rows, int columns)
    {
        float[,] matrix = new float[rows, columns];
        for (int i = 0; i < rows * columns; i++)
        {
            matrix[i / columns, i % columns] = random.Next(-6, 7) / 4f;
        }

        return matrix;
    }

    private static float Sum(float[,] a, float[,] b, float[,] c, int row, int column, int inner) =>
        c[row, column] + Enumerable.Range(0, inner).Sum(k => a[row, k] * b[k, column]);
}
