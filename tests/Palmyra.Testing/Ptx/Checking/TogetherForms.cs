namespace Palmyra.Testing.Ptx.Checking;

/// <summary>PTX manual 9.7.11 to 9.7.13 and 9.7.18: control, barriers, fences, atomics, warps, tensor cores. Calls have rules of their own.</summary>
internal static class TogetherForms
{
    private const string Order = "{.relaxed|acquire|release|acq_rel}";
    private const string Among = "{.cta|gpu|sys}";
    private const string Where = "{.global|shared|shared::cta}";
    private const string Warp = "mma.sync.aligned";

    public static IEnumerable<InstructionForm> All =>
    [
        new("bra{.uni}", "label"),
        new("brx.idx{.uni}", "u32r, label", 60, 30),
        new("ret{.uni}", string.Empty),
        new("exit", string.Empty),
        new("trap", string.Empty),
        new("brkpt", string.Empty),
        new("nanosleep.u32", "u32", 63, 70),

        new("bar{.cta}.sync", "u32, u32?"),
        new("bar{.cta}.arrive", "u32, u32", 20, 20),
        .. Voting("bar{.cta}.red", 20, 20),
        new("barrier{.cta}.sync{.aligned}", "u32, u32?", 60, 30),
        new("barrier{.cta}.arrive{.aligned}", "u32, u32", 60, 30),
        .. Voting("barrier{.cta}.red{.aligned}", 60, 30),
        new("bar.warp.sync", "b32", 60, 30),
        new("membar.cta|gl", string.Empty, 14),
        new("membar.sys", string.Empty, 20, 20),
        new("fence{.sc|acq_rel}.cta|gpu|sys", string.Empty, 60, 70),
        new("fence{.sc|acq_rel}.cluster", string.Empty, 78, 90),

        .. Atomics("atom", "=_1, [], 1", Order),
        .. Atomics("red", "[], 1", "{.relaxed|release}"),
        new($"atom{Where}.exch.b32|b64", "=_1, [], 1", 11, 20),
        new($"atom{Where}.cas.b32|b64", "=_1, [], 1, 1", 11, 20),
        new($"atom.cas{Where}.b32|b64", "=_1, [], 1, 1", 11, 20),
        new($"atom{Order}{Among}{Where}.exch.b32|b64", "=_1, [], 1", 60, 70),
        new($"atom{Order}{Among}{Where}.cas.b32|b64", "=_1, [], 1, 1", 60, 70),
        new($"atom{Order}{Among}{Where}.cas.b16", "=_1, [], 1, 1", 63, 70),

        new("shfl.sync.up|down|bfly|idx.b32", "=1|p, 1, u32, u32, b32", 60, 30),
        new("vote.sync.all|any|uni.pred", "=p, !p, b32", 60, 30),
        new("vote.sync.ballot.b32", "=1, !p, b32", 60, 30),
        new("match.any.sync.b32|b64", $"={OperandTypes.Whole}, 1, b32", 60, 70),
        new("match.all.sync.b32|b64", $"={OperandTypes.Whole}|p, 1, b32", 60, 70),
        new("activemask.b32", "=1", 62, 30),
        new("redux.sync.add|min|max.u32|s32", "=1, 1, b32", 70, 80),
        new("redux.sync.and|or|xor.b32", $"={OperandTypes.Whole}, {OperandTypes.Whole}, b32", 70, 80),

        new("ldmatrix.sync.aligned.m8n8.x1|x2|x4{.trans}{.shared}.b16", "=x*i32, []", 65, 75),
        new("ldmatrix.sync.aligned.m8n8.x1|x2|x4{.trans}.shared::cta.b16", "=x*i32, []", 78, 75),
        new("stmatrix.sync.aligned.m8n8.x1|x2|x4{.trans}{.shared|shared::cta}.b16", "[], x*i32r", 78, 90),
        new("movmatrix.sync.aligned.m8n8.trans.b16", "=i32, i32r", 78, 75),
        new($"{Warp}.m16n8k8.row.col.f32.f16.f16.f32", "=4*f32, 2*f16x2r, 1*f16x2r, 4*f32r", 65, 75),
        new($"{Warp}.m16n8k8.row.col.f16.f16.f16.f16", "=2*f16x2, 2*f16x2r, 1*f16x2r, 2*f16x2r", 65, 75),
        new($"{Warp}.m16n8k16.row.col.f32.f16.f16.f32", "=4*f32, 4*f16x2r, 2*f16x2r, 4*f32r", 70, 80),
        new($"{Warp}.m16n8k16.row.col.f16.f16.f16.f16", "=2*f16x2, 4*f16x2r, 2*f16x2r, 2*f16x2r", 70, 80),
        new($"{Warp}.m16n8k8.row.col.f32.bf16.bf16.f32", "=4*f32, 2*i32r, 1*i32r, 4*f32r", 70, 80),
        new($"{Warp}.m16n8k16.row.col.f32.bf16.bf16.f32", "=4*f32, 4*i32r, 2*i32r, 4*f32r", 70, 80),
        new($"{Warp}.m16n8k4.row.col.f32.tf32.tf32.f32", "=4*f32, 2*i32r, 1*i32r, 4*f32r", 70, 80),
        new($"{Warp}.m16n8k8.row.col.f32.tf32.tf32.f32", "=4*f32, 4*i32r, 2*i32r, 4*f32r", 70, 80),
        new($"{Warp}.m16n8k16.row.col{{.satfinite}}.s32.u8|s8.u8|s8.s32", "=4*s32, 2*b32r, 1*b32r, 4*s32r", 70, 80),
        new($"{Warp}.m16n8k32.row.col{{.satfinite}}.s32.u8|s8.u8|s8.s32", "=4*s32, 4*b32r, 2*b32r, 4*s32r", 70, 80),
    ];

    private static IEnumerable<InstructionForm> Voting(string name, int version, int target) =>
    [
        new($"{name}.popc.u32", "=1, u32, !p", version, target),
        new($"{name}.popc.u32", "=1, u32, u32, !p", version, target),
        new($"{name}.and|or.pred", "=p, u32, !p", version, target),
        new($"{name}.and|or.pred", "=p, u32, u32, !p", version, target),
    ];

    // As they were in the beginning, with an order and a scope, and with the space behind the operation: the manual has no such line, but ILGPU
    // writes its atomics so, and has run them on devices for years.
    private static IEnumerable<InstructionForm> Atomics(string name, string operands, string order) =>
    [
        new($"{name}{Where}.and|or|xor.b32|b64", operands, 11, 20),
        new($"{name}{Where}.add.u32|s32|u64|f32", operands, 11, 20),
        new($"{name}{Where}.inc|dec.u32", operands, 11, 20),
        new($"{name}{Where}.min|max.u32|s32|u64|s64", operands, 11, 20),
        new($"{name}{Where}.add.f64", operands, 50, 60),
        new($"{name}{Where}.add.noftz.f16x2", operands, 62, 60),
        new($"{name}{Where}.add.noftz.f16", operands, 63, 70),
        new($"{name}{order}{Among}{Where}.and|or|xor.b32|b64", operands, 60, 70),
        new($"{name}{order}{Among}{Where}.add.u32|s32|u64|f32|f64", operands, 60, 70),
        new($"{name}{order}{Among}{Where}.inc|dec.u32", operands, 60, 70),
        new($"{name}{order}{Among}{Where}.min|max.u32|s32|u64|s64", operands, 60, 70),
        new($"{name}.and|or|xor|exch{Where}.b32|b64", operands, 11, 20),
        new($"{name}.add{Where}.u32|s32|u64|f32", operands, 11, 20),
        new($"{name}.add{Where}.f64", operands, 50, 60),
        new($"{name}.min|max{Where}.u32|s32|u64|s64", operands, 11, 20),
    ];
}
