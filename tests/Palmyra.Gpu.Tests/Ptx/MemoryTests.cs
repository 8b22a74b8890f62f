using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class MemoryTests
{
    [Theory]
    [InlineData("b8", 1)]
    [InlineData("u16", 2)]
    [InlineData("f32", 4)]
    [InlineData("v2.b32", 8)]
    [InlineData("v4.f32", 16)]
    [InlineData("v2.u64", 16)]
    [InlineData("v4.u16", 8)]
    [InlineData("v4.b8", 4)]
    public void EveryWidthGoesThroughEverySpace(string type, int bytes)
    {
        byte[] source = [.. Enumerable.Range(0, 32 * bytes).Select(i => (byte)(i * 37))];
        string names = type.StartsWith("v4", StringComparison.Ordinal) ? "{x, y, z, w}" : type.StartsWith("v2", StringComparison.Ordinal) ? "{x, y}" : "x";
        string register = type.Contains("64", StringComparison.Ordinal) ? "b64" : type.Contains("32", StringComparison.Ordinal) ? "b32" : "b16";
        PtxKernel kernel = Snippet.Kernel(
            ".param .u64 from, .param .u64 to",
            $$"""
            .reg .{{register}} x, y, z, w; .reg .b64 in, out, o, s, g; .reg .b32 t;
            .shared .align 16 .b8 space[{{32 * bytes}}]; .local .align 16 .b8 own[16];
            ld.param.u64 in, [from]; ld.param.u64 out, [to];
            mov.u32 t, %tid.x; mul.wide.u32 o, t, {{bytes}}; add.u64 in, in, o; add.u64 out, out, o;
            mov.u64 s, space; add.u64 s, s, o;
            ld.global.nc.L1::no_allocate.L2::128B.{{type}} {{names}}, [in];
            st.shared.{{type}} [s], {{names}};
            ld.volatile.shared.{{type}} {{names}}, [s];
            st.local.{{type}} [own], {{names}};
            ld.local.{{type}} {{names}}, [own];
            cvta.shared.u64 g, s; st.{{type}} [g], {{names}}; ld.{{type}} {{names}}, [g];
            mov.u64 g, own; cvta.local.u64 g, g; st.{{type}} [g], {{names}}; ld.{{type}} {{names}}, [g];
            st.global.cs.{{type}} [out], {{names}};
            ld.{{type}} {{names}}, [out]; st.cg.{{type}} [out], {{names}};
            """);
        using var driver = new PtxDriver();
        nint from = driver.Upload(source);
        nint to = driver.Allocate(source.Length);
        driver.Launch(driver.Load(kernel), new LaunchShape(1, 1, 32), default(KernelArguments).Add((long)from).Add((long)to).Bytes);
        Assert.Equal(source, driver.Download<byte>(to, source.Length));
    }

    [Fact]
    public void LoadsFillWiderRegisters() => Assert.Equal(
        [0xFFFFFF80, 0x80, 0xFFFF8080, 0x8080],
        Snippet.Run(
            """
            st.global.u32 [%rd], 0x8080; ld.global.s8 r0, [%rd]; ld.global.u8 r1, [%rd]; ld.global.s16 r2, [%rd]; ld.global.b16 r3, [%rd];
            st.global.v4.b32 [%rd], {r0, r1, r2, r3};
            """,
            threads: 1,
            results: 4));

    [Fact]
    public void ParametersLieAtMultiplesOfTheirSizes()
    {
        PtxKernel kernel = Snippet.Kernel(
            ".param .b8 small, .param .b16 middle, .param .f32 number, .param .align 8 .b8 view[16], .param .u32 last",
            """
            .reg .b16 a, b; .reg .b32 c, d, e; .reg .b64 at, n;
            ld.param.b8 a, [small]; ld.param.b16 b, [middle]; ld.param.f32 c, [number]; ld.param.b64 at, [view]; ld.param.b64 n, [view+8]; ld.param.b32 d, [last];
            st.global.b8 [at], a; st.global.b16 [at+2], b; st.global.b32 [at+4], c; st.global.b64 [at+8], n; st.global.b32 [at+16], d;
            """);
        using var driver = new PtxDriver();
        nint result = driver.Allocate(20);
        byte[] arguments = new byte[28];
        arguments[0] = 5;
        BitConverter.TryWriteBytes(arguments.AsSpan(2), (short)-2);
        BitConverter.TryWriteBytes(arguments.AsSpan(4), 1.5f);
        BitConverter.TryWriteBytes(arguments.AsSpan(8), (long)result);
        BitConverter.TryWriteBytes(arguments.AsSpan(16), 77L);
        BitConverter.TryWriteBytes(arguments.AsSpan(24), 99);
        driver.Launch(driver.Load(kernel), new LaunchShape(1, 1, 1), arguments);
        byte[] bytes = driver.Download<byte>(result, 20);
        Assert.Equal(5, bytes[0]);
        Assert.Equal(-2, BitConverter.ToInt16(bytes, 2));
        Assert.Equal(1.5f, BitConverter.ToSingle(bytes, 4));
        Assert.Equal(77, BitConverter.ToInt64(bytes, 8));
        Assert.Equal(99, BitConverter.ToInt32(bytes, 16));
    }

    [Theory]
    [InlineData("atom.global.add.u32 r1, [%rd], 3;", 100u, 100u + (3 * 64))]
    [InlineData("red.global.add.f32 [%rd], 0f3F000000;", 0x3F800000u, 0x42040000u)]
    [InlineData("atom.global.max.s32 r1, [%rd], r0;", 0xFFFFFFFFu, 63u)]
    [InlineData("atom.global.min.s32 r1, [%rd], r0;", 5u, 0u)]
    [InlineData("atom.global.max.u32 r1, [%rd], r0;", 0xFFFFFFFFu, 0xFFFFFFFFu)]
    [InlineData("atom.global.inc.u32 r1, [%rd], 10;", 0u, 64u % 11)]
    [InlineData("atom.global.dec.u32 r1, [%rd], 10;", 0u, 2u)]
    [InlineData("atom.global.exch.b32 r1, [%rd], 9;", 1u, 9u)]
    [InlineData("atom.global.cas.b32 r1, [%rd], r0, 1000; ", 63u, 1000u)]
    [InlineData("atom.relaxed.gpu.global.or.b32 r1, [%rd], r0;", 64u, 127u)]
    [InlineData("atom.global.and.b32 r1, [%rd], 6;", 5u, 4u)]
    [InlineData("mov.b32 r0, 0x3C003C00; atom.global.add.noftz.f16x2 r1, [%rd], r0;", 0u, 0x54005400u)]
    public void AtomicsInGlobalMemory(string instruction, uint before, uint after) => Assert.Equal(
        after,
        Snippet.Run($"mov.u32 r0, tid; setp.eq.u32 p0, tid, 0; @p0 st.global.u32 [%rd], {before}; bar.sync 0; {instruction}", 64, 1)[0]);

    [Fact]
    public void AtomicsGiveTheNumberBefore()
    {
        uint[] tickets = Snippet.Run("setp.eq.u32 p0, tid, 0; .shared .align 4 .b8 n[4]; @p0 st.shared.u32 [n], 7; bar.sync 0; atom.shared.add.u32 r1, [n], 1; st.global.u32 [mine], r1;", 64, 64);
        Assert.Equal(Enumerable.Range(7, 64).Select(i => (uint)i), tickets.Order());
    }

    [Fact]
    public void AtomicsOf64Bits()
    {
        using var driver = new PtxDriver();
        nint at = driver.Upload<ulong>([5, 1UL << 40, unchecked((ulong)-3), BitConverter.DoubleToUInt64Bits(1)]);
        PtxKernel kernel = Snippet.Kernel(
            ".param .u64 at",
            ".reg .b64 p, x; ld.param.u64 p, [at]; atom.global.add.u64 x, [p], 0x100000000; red.global.max.u64 [p+8], 7; red.global.max.s64 [p+16], 7; red.global.add.f64 [p+24], 0d3FF0000000000000;");
        driver.Launch(driver.Load(kernel), new LaunchShape(1, 1, 2), default(KernelArguments).Add((long)at).Bytes);
        Assert.Equal([5 + (2UL << 32), 1UL << 40, 7, BitConverter.DoubleToUInt64Bits(3)], driver.Download<ulong>(at, 4));
    }

    [Fact]
    public void StaticSharedMemoryComesBeforeDynamic() => Assert.Equal(
        [0u, 16u, 32u],
        Snippet.Run(".shared .align 4 .b8 one[4]; .shared .align 16 .b8 two[12]; mov.u32 r0, one; mov.u32 r1, two; mov.u32 r2, dynamic; st.global.u32 [%rd], r0; st.global.u32 [%rd+4], r1; st.global.u32 [%rd+8], r2; st.shared.u32 [dynamic+60], r0;", 1, 3, shared: 64));
}
