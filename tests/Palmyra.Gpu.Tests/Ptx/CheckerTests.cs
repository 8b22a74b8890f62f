using Palmyra.Testing.Ptx;
using Palmyra.Testing.Ptx.Checking;
using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Gpu.Tests.Ptx;

// What the manual forbids, planted one by one, and what it allows. r: .b32, l: .b64, f: .f32, h: .b16, p: .pred.
public sealed class CheckerTests
{
    [Theory]
    [InlineData(".reg .f16 half; add.f16 half, h0, h1;")]
    [InlineData(".reg .u32 u; .reg .s32 s; add.s32 u, s, 1; add.u32 s, u, -1; and.b32 u, s, 0xFFFFFFFF;")]
    [InlineData("add.f32 r0, f1, r2; mov.b32 f0, r1; mov.f32 r0, f1; selp.b32 f0, f1, r2, p0;")]
    [InlineData("mov.f32 f0, 0f3F800000; mov.b32 r0, 0f3F800000; add.f32 f0, f1, 1.5; add.f32 f0, f1, -2.0;")]
    [InlineData(".reg .u64 u; mad.wide.s32 u, r0, r1, l1; mul.wide.u16 r0, h0, h1; shl.b64 u, l0, r1; shr.s64 u, l0, 63;")]
    [InlineData("ld.global.u8 r0, [%rd]; ld.global.s16 l0, [%rd+2]; ld.global.b16 f0, [%rd]; st.global.b8 [%rd], r0; st.global.f32 [%rd], r1;")]
    [InlineData("ld.global.v4.f32 {f0, f1, f2, f3}, [%rd]; ld.global.v2.b64 {l0, l1}, [%rd]; st.global.v2.b32 [%rd], {r0, 5};")]
    [InlineData("ld.global.nc.L1::no_allocate.L2::128B.v4.b32 {r0, r1, r2, r3}, [%rd]; ld.global.cg.b32 r0, [%rd]; ld.volatile.shared.u32 r0, [r1];")]
    [InlineData("ld.relaxed.gpu.global.u32 r0, [%rd]; ld.acquire.gpu.u32 r0, [%rd]; st.release.gpu.global.u32 [%rd], r0; st.relaxed.sys.global.f32 [%rd], f0;")]
    [InlineData("cvt.rn.f32.s32 f0, r0; cvt.rzi.s32.f32 r0, f0; cvt.f32.f16 f0, h0; cvt.rn.f16.f32 h0, f0; cvt.u16.u32 h0, r0; cvt.s64.s32 l0, r0; cvt.u32.u8 r0, h0;")]
    [InlineData("cvt.rn.bf16x2.f32 r0, f0, f1; cvt.rn.f16x2.f32 r0, f0, f1; cvt.rn.bf16.f32 h0, f0; cvt.rna.tf32.f32 r0, f0; cvt.f32.bf16 f0, h0;")]
    [InlineData("setp.lt.s32 p0, r0, r1; setp.lt.u32 p0|p1, r0, 5; setp.eq.and.f32 p0, f0, f1, !p1; setp.nan.f32 p0, f0, f0; setp.hs.u64 p0, l0, l1;")]
    [InlineData("mov.pred p0, 1; and.pred p0, p1, p2; not.pred p0, p1; @!p0 mov.u32 r0, %laneid; mov.b32 r1, %ctaid.x; cvt.u64.u32 l0, %tid.x;")]
    [InlineData("mov.b32 r0, {h0, h1}; mov.b32 {h0, h1}, r0; mov.b64 l0, {r0, r1}; mov.b64 {_, r1}, l0; mov.u32 r0, dynamic; mov.u64 l0, dynamic;")]
    [InlineData("fma.rn.f32 f0, f1, f2, f3; fma.rn.f16x2 r0, r1, r2, r3; neg.f16x2 r0, r1; max.NaN.f32 f0, f1, f2; min.ftz.f32 f0, f1, 0f00000000; fma.rn.bf16x2 r0, r1, r2, r3;")]
    [InlineData("ex2.approx.ftz.f32 f0, f1; rcp.approx.f32 f0, f1; lg2.approx.f32 f0, f1; rsqrt.approx.f32 f0, f1; tanh.approx.f32 f0, f1; div.full.f32 f0, f1, f2;")]
    [InlineData("lop3.b32 r0, r1, 0x000F000F, r3, 0xEA; prmt.b32 r0, r1, r2, 0x5410; shf.l.wrap.b32 r0, r1, r2, 8; dp4a.s32.s32 r0, r1, r2, r3; bfe.u32 r0, r1, 4, 8; bfi.b32 r0, r1, r2, 4, 8;")]
    [InlineData("popc.b64 r0, l0; brev.b32 r0, r1; clz.b32 r0, r1; bfind.u32 r0, r1; fns.b32 r0, r1, 0, 1;")]
    [InlineData("shfl.sync.bfly.b32 f0, f1, 16, 31, 0xFFFFFFFF; shfl.sync.down.b32 r0|p0, r1, 1, 0x1F, -1; vote.sync.ballot.b32 r0, !p0, -1; vote.sync.any.pred p0, p1, -1;")]
    [InlineData("match.any.sync.b32 r0, r1, -1; match.all.sync.b64 r0|p0, l1, -1; redux.sync.add.u32 r0, r1, -1; redux.sync.max.s32 r0, r1, -1; activemask.b32 r0; bar.warp.sync -1;")]
    [InlineData("bar.sync 0; bar.sync 1, 64; bar.arrive 1, 64; bar.red.popc.u32 r0, 0, p0; barrier.sync.aligned 0; membar.gl; fence.acq_rel.gpu; fence.sc.cta;")]
    [InlineData("atom.global.add.u32 r0, [%rd], 1; atom.add.global.u32 r0, [%rd], 1; atom.global.inc.u32 _, [%rd], r1; atom.acq_rel.gpu.global.cas.b32 r0, [%rd], r1, r2; red.global.add.f32 [%rd], f0; red.relaxed.gpu.global.add.f32 [%rd], f0;")]
    [InlineData("cp.async.cg.shared.global [r0], [l0], 16, r1; cp.async.ca.shared.global.L2::128B [r0], [l0], 8; cp.async.commit_group; cp.async.wait_group 2; cp.async.wait_all;")]
    [InlineData("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {r0, r1, r2, r3}, [r4]; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {r0}, [r4]; movmatrix.sync.aligned.m8n8.trans.b16 r0, r1;")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {f0, f1, f2, f3}, {r0, r1, r2, r3}, {r4, r5}, {f0, f1, f2, f3};")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {f0, f1, f2, f3}, {r0, r1, r2, r3}, {r4, r5}, {f0, f1, f2, f3};")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {r8, r9}, {r0, r1, r2, r3}, {r4, r5}, {r8, r9};")]
    [InlineData("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {r8, r9, r10, r11}, {r0, r1, r2, r3}, {r4, r5}, {r8, r9, r10, r11};")]
    [InlineData("{ .reg .b32 r0; .reg .f32 inner; add.f32 inner, r0, f0; } @p0 bra.uni OUT; OUT: nanosleep.u32 100;")]
    public void What_the_manual_allows(string code) => Check(Snippet.Block(code).Text);

    [Theory]
    [InlineData("add.f32 f0, l0, f1;", "l0 is declared b64, which does not agree with f32")]
    [InlineData(".reg .u32 u; add.f32 f0, f1, u;", "u is declared u32, which does not agree with f32")]
    [InlineData("add.s32 r0, f1, r2;", "f1 is declared f32, which does not agree with s32")]
    [InlineData("add.u64 l0, l1, r1;", "r1 is declared b32, which does not agree with u64")]
    [InlineData(".reg .u16 u; fma.rn.f16 h0, u, h1, h2;", "u is declared u16, which does not agree with f16")]
    [InlineData("and.b32 r0, r1, p0;", "p0 is declared pred, which does not agree with b32")]
    [InlineData("selp.b32 r0, r1, r2, r3;", "r3 is declared b32, which does not agree with pred")]
    [InlineData("@r0 bra OUT; OUT: ret;", "r0 is not a predicate")]
    [InlineData("setp.lt.s32 r0, r1, r2;", "r0 is declared b32, which does not agree with pred")]
    [InlineData("setp.lt.b32 p0, r1, r2;", "none of the manual's forms")]
    [InlineData("setp.lo.s32 p0, r1, r2;", "none of the manual's forms")]
    [InlineData("selp.b32 r0, r1, r2, !p0;", "'!' has no place here")]
    [InlineData("add.s32 r0, nowhere, 1;", "nowhere is not a register")]
    [InlineData("add.u32 r0, %tid.x, 1;", "only mov reads special registers")]
    [InlineData("add.u32 r0, dynamic, 1;", "only mov reads special registers and addresses of variables")]
    [InlineData("add.s32 r0, r1, 0f3F800000;", "a float of 32 bits does not agree with s32")]
    [InlineData("add.u32 r0, r1, 1.5;", "a floating-point number does not agree with u32")]
    [InlineData("add.f32 f0, f1, 1;", "an integer does not agree with f32")]
    [InlineData("add.f32 f0, f1, 0d3FF0000000000000;", "a float of 64 bits does not agree with f32")]
    [InlineData("mov.b16 h0, 70000;", "70000 does not fit into b16")]
    [InlineData("fma.rn.f16x2 r0, r1, 0x3C003C00, r2;", "a register is expected, not a number")]
    [InlineData("mov.b32 5, r0;", "a register is expected, not a number")]
    [InlineData("mov.f32 f0, l0;", "l0 is declared b64, which does not agree with f32")]
    [InlineData("mov.b32 r0, {r1, r2};", "r1 is declared b32, which does not agree with b16")]
    [InlineData("mov.b32 r0, {h0, h1, h2, h3};", "h0 is declared b16, which does not agree with b8")]
    [InlineData(".reg .u32 u; mov.b64 l0, {u, f0};", "floats and integers do not go together")]
    [InlineData("mov.u64 l0, %tid.x;", "%tid.x is neither a register")]
    [InlineData("mov.u16 h0, dynamic;", "dynamic is neither a register")]
    [InlineData("mov.f16 h0, h1;", "mov of one type")]
    [InlineData("add.rn.s32 r0, r1, r2;", "none of the manual's forms")]
    [InlineData("mul.s32 r0, r1, r2;", "none of the manual's forms")]
    [InlineData("mul.wide.s32 r0, r1, r2;", "r0 is declared b32, which does not agree with s64")]
    [InlineData("mad.wide.u32 l0, r1, 4, r2;", "r2 is declared b32, which does not agree with u64")]
    [InlineData("mul.wide.u64 l0, l1, l2;", "none of the manual's forms")]
    [InlineData("shl.b64 l0, l1, l2;", "l2 is declared b64, which does not agree with u32")]
    [InlineData("shl.u32 r0, r1, 1;", "none of the manual's forms")]
    [InlineData("fma.f32 f0, f1, f2, f3;", "none of the manual's forms")]
    [InlineData("mad.f32 f0, f1, f2, f3;", "none of the manual's forms")]
    [InlineData("div.f32 f0, f1, f2;", "none of the manual's forms")]
    [InlineData("ex2.f32 f0, f1;", "none of the manual's forms")]
    [InlineData("popc.b64 l0, l1;", "l0 is declared b64, which does not agree with u32")]
    [InlineData("lop3.b32 r0, r1, r2, r3, 256;", "256 is not allowed here")]
    [InlineData("lop3.b32 r0, r1, r2, r3, r4;", "a number is expected")]
    [InlineData("cvt.s32.f32 r0, f0;", "none of the manual's forms")]
    [InlineData("cvt.f32.s32 f0, r0;", "none of the manual's forms")]
    [InlineData("cvt.f16.f32 h0, f0;", "none of the manual's forms")]
    [InlineData("cvt.rn.f32.f16 f0, h0;", "none of the manual's forms")]
    [InlineData("cvt.rn.bf16x2.f32 r0, f0;", "2 operands are given")]
    [InlineData("cvt.rn.bf16.f32 r0, f0;", "r0 is declared b32, which does not agree with bf16")]
    [InlineData("cvt.u32.u64 r0, r1;", "r1 is declared b32, which does not agree with u64")]
    [InlineData("cvt.rzi.s32.f32 f0, f1;", "f0 is declared f32, which does not agree with s32")]
    [InlineData("ld.global.f16 h0, [%rd];", "none of the manual's forms")]
    [InlineData("ld.global.f32 f0, [r0];", "r0 cannot be an address in global memory")]
    [InlineData("ld.f32 f0, [r0];", "r0 cannot be an address in generic memory")]
    [InlineData("ld.shared.f32 f0, [f1];", "f1 cannot be an address in shared memory")]
    [InlineData("ld.global.f32 f0, [dynamic];", "dynamic lies in shared memory, not in global")]
    [InlineData("ld.global.u32 h0, [%rd];", "h0 is declared b16, which does not agree with u32")]
    [InlineData("ld.global.s32 f0, [%rd];", "f0 is declared f32, which does not agree with s32")]
    [InlineData("ld.global.f32 l0, f0;", "an address in brackets is expected")]
    [InlineData("ld.global.v2.f32 {f0, f1, f2}, [%rd];", "2 registers in braces are expected")]
    [InlineData("ld.global.v4.b64 {l0, l1, l2, l3}, [%rd];", "a vector has at most 16 bytes")]
    [InlineData("ld.global.v3.f32 {f0, f1, f2}, [%rd];", "none of the manual's forms")]
    [InlineData("ld.shared.nc.f32 f0, [r0];", "none of the manual's forms")]
    [InlineData("ld.volatile.cg.global.f32 f0, [%rd];", "none of the manual's forms")]
    [InlineData("ld.relaxed.global.f32 f0, [%rd];", "none of the manual's forms")]
    [InlineData("ld.param.v2.b64 {l0, l1}, [result];", "result is aligned to 8 bytes, and 16 are needed at 0")]
    [InlineData(".shared .b8 bytes[64]; ld.shared.v4.b32 {r0, r1, r2, r3}, [bytes];", "bytes is aligned to 1 bytes, and 16 are needed at 0")]
    [InlineData("st.shared.b32 [dynamic+2], r0;", "dynamic is aligned to 16 bytes, and 4 are needed at 2")]
    [InlineData("st.global.f32 [%rd], r0, r1;", "3 operands are given")]
    [InlineData("cp.async.cg.shared.global [r0], [l0], 8;", "8 is not allowed here")]
    [InlineData("cp.async.cg.shared.global [r0], [r1], 16;", "r1 cannot be an address in global memory")]
    [InlineData("cp.async.cg.global.shared [l0], [r0], 16;", "none of the manual's forms")]
    [InlineData("cp.async.cg.shared.global [r0], [l0], 16, l1;", "does not agree with u32")]
    [InlineData("cp.async.cg.shared.global [r0], [l0], 16, p0, p1;", "5 operands are given")]
    [InlineData("shfl.bfly.b32 r0, r1, 16, 31;", "none of the manual's forms")]
    [InlineData("vote.ballot.b32 r0, p0;", "none of the manual's forms")]
    [InlineData("shfl.sync.bfly.f32 f0, f1, 16, 31, -1;", "none of the manual's forms")]
    [InlineData("shfl.sync.bfly.b32 r0|r2, r1, 16, 31, -1;", "r2 is not a predicate")]
    [InlineData("match.any.sync.b32 f0, r1, -1;", "f0 is declared f32, which does not agree with i32")]
    [InlineData("redux.sync.add.f32 f0, f1, -1;", "none of the manual's forms")]
    [InlineData("ldmatrix.aligned.m8n8.x4.shared.b16 {r0, r1, r2, r3}, [r4];", "none of the manual's forms")]
    [InlineData("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {r0, r1}, [r4];", "4 registers in braces are expected")]
    [InlineData("ldmatrix.sync.aligned.m8n8.trans.x4.shared.b16 {r0, r1, r2, r3}, [r4];", "none of the manual's forms")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.bf16.f16.f32 {f0, f1, f2, f3}, {r0, r1, r2, r3}, {r4, r5}, {f0, f1, f2, f3};", "none of the manual's forms")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {f0, f1, f2, f3}, {r0, r1}, {r4, r5}, {f0, f1, f2, f3};", "4 registers in braces are expected")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {f0, f1, f2, f3}, {l0, r1, r2, r3}, {r4, r5}, {f0, f1, f2, f3};", "l0 is declared b64")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {f0, f1, f2, f3}, {f4, r1, r2, r3}, {r4, r5}, {f0, f1, f2, f3};", "f4 is declared f32, which does not agree with f16x2")]
    [InlineData("mma.m16n8k16.row.col.f32.bf16.bf16.f32 {f0, f1, f2, f3}, {r0, r1, r2, r3}, {r4, r5}, {f0, f1, f2, f3};", "none of the manual's forms")]
    [InlineData("bar.sync;", "0 operands are given")]
    [InlineData("atom.global.add.s64 l0, [%rd], 1;", "none of the manual's forms")]
    [InlineData("atom.global.inc.s32 r0, [%rd], 1;", "none of the manual's forms")]
    [InlineData("fence.gl;", "none of the manual's forms")]
    [InlineData("ret 5;", "1 operands are given")]
    [InlineData("bra r0;", "a label is expected")]
    [InlineData("sqrt.f32 f0, f1;", "none of the manual's forms")]
    [InlineData("frobnicate.u32 r0, r1;", "has no form")]
    [InlineData(".reg .bf16 b;", "brain floats have no registers")]
    [InlineData(".reg .b32 min;", "min cannot be a name")]
    [InlineData(".reg .b32 %tid.x;", "%tid.x cannot be a name")]
    public void What_the_manual_forbids(string code, string reason) => Refused(Snippet.Block(code).Text, reason);

    [Theory]
    [InlineData("7.0", "sm_90", "", "sm_90 needs PTX 7.8; found 7.0")]
    [InlineData("6.3", "sm_75", "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {f, f, f, f}, {r, r, r, r}, {r, r}, {f, f, f, f};", "it needs PTX 7.0 and sm_80")]
    [InlineData("7.0", "sm_75", "cp.async.commit_group;", "it needs PTX 7.0 and sm_80; found 7.0 and sm_75")]
    [InlineData("7.0", "sm_80", "movmatrix.sync.aligned.m8n8.trans.b16 r, r;", "it needs PTX 7.8 and sm_75; found 7.0 and sm_80")]
    [InlineData("8.0", "sm_80", "ex2.approx.ftz.bf16x2 r, r;", "it needs PTX 7.8 and sm_90; found 8.0 and sm_80")]
    [InlineData("8.0", "sm_80", "stmatrix.sync.aligned.m8n8.x1.shared.b16 [r], {r};", "it needs PTX 7.8 and sm_90")]
    [InlineData("6.3", "sm_70", "redux.sync.add.u32 r, r, -1;", "it needs PTX 7.0 and sm_80")]
    public void What_is_newer_than_the_text(string version, string target, string code, string reason) =>
        Refused(Module($".version {version}\n.target {target}\n.address_size 64", string.Empty, $".reg .b32 r; .reg .f32 f; {code} ret;"), reason);

    [Fact]
    public void What_else_a_module_may_not_be()
    {
        const string Header = ".version 8.0\n.target sm_80\n.address_size 64";
        Check(Module(Header, ".param .align 8 .b8 x[16]", "ret;"));
        Refused(Module(".target sm_80\n.address_size 64", string.Empty, "ret;"), "found 0.0");
        Refused(Module(".version 8.0\n.target sm_80", string.Empty, "ret;"), "addresses of 64 bits");
        Refused(Module(Header, string.Empty, ".reg .b32 r; mov.b32 r, 1;"), "the body ends without ret");
        Refused(Module(Header, string.Empty, ".reg .pred p; mov.pred p, 1; @p ret;"), "the body ends without ret");
        Refused(Module(Header, string.Empty, "bra OUT; OUT:"), "the body ends without ret");
        Refused(Module(Header, ".param .align 8 .b8 x[4104]", "ret;"), "4104 bytes of parameters are more than 4096");
        Refused(Module(Header, string.Empty, ".shared .align 16 .b8 x[49168]; ret;"), "49168 bytes of static shared memory are more than 49152");
        Refused(Module(Header, ".param .align 12 .b8 x[16]", "ret;"), "its alignment is a power of two");
    }

    [Fact]
    public void The_driver_checks_what_it_loads()
    {
        using var driver = new PtxDriver();
        Assert.Contains(
            "which does not agree with f32",
            Assert.Throws<PtxFailure>(() => driver.Load(Snippet.Block(".reg .u32 u; mov.u32 u, 1; add.f32 f0, u, u;"))).Reason,
            StringComparison.Ordinal);
    }

    private static string Module(string header, string parameters, string body) => $"{header}\n.visible .entry Snippet({parameters})\n{{\n{body}\n}}\n";

    private static void Check(string text) => PtxChecker.Check("Snippet", PtxModule.Of("Snippet", text));

    private static void Refused(string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<PtxFailure>(() => Check(text)).Message, StringComparison.Ordinal);
}
