namespace Palmyra.Testing.Ptx.Checking;

/// <summary>PTX manual 9.7.8 but for mov, which has rules of its own: loads, stores, conversions, asynchronous copies.</summary>
internal static class MovementForms
{
    private const string Integers = "u8|u16|u32|u64|s8|s16|s32|s64";

    // No f16: halves are loaded as bits.
    private const string Stored = $"b8|b16|b32|b64|{Integers}|f32|f64";
    private const string Rounding = "rn|rz|rm|rp";
    private const string Whole = "rni|rzi|rmi|rpi";
    private const string Ahead = "{.L2::64B|L2::128B|L2::256B}";
    private const string Kept = "{.L1::evict_normal|L1::evict_unchanged|L1::evict_first|L1::evict_last|L1::no_allocate}";

    public static IEnumerable<InstructionForm> All =>
    [
        new($"ld{{.const|global|local|param|shared}}{{.ca|cg|cs|lu|cv}}{{.v2|v4}}.{Stored}", "=v*~1, []"),
        new($"ld.weak{{.const|global|local|param|shared|shared::cta}}{{.ca|cg|cs|lu|cv}}{{.v2|v4}}.{Stored}", "=v*~1, []", 60, 70),
        new($"ld{{.global}}{Kept}{Ahead}{{.v2|v4}}.{Stored}", "=v*~1, []", 74, 75),
        new($"ld.volatile{{.global|local|shared}}{{.v2|v4}}.{Stored}", "=v*~1, []"),
        new($"ld.relaxed|acquire.cta|gpu|sys{{.global|shared|shared::cta}}{{.v2|v4}}.{Stored}", "=v*~1, []", 60, 70),
        new($"ld.global{{.ca|cg|cs}}.nc{{.v2|v4}}.{Stored}", "=v*~1, []", 31, 32),
        new($"ld.global{{.ca|cg|cs}}.nc{Kept}{Ahead}{{.v2|v4}}.{Stored}", "=v*~1, []", 74, 75),
        new($"ldu{{.global}}{{.v2|v4}}.{Stored}", "=v*~1, []", 20, 20),
        new($"st{{.global|local|param|shared}}{{.wb|cg|cs|wt}}{{.v2|v4}}.{Stored}", "[], v*~1"),
        new($"st.weak{{.global|local|param|shared|shared::cta}}{{.wb|cg|cs|wt}}{{.v2|v4}}.{Stored}", "[], v*~1", 60, 70),
        new($"st{{.global}}{Kept}{{.v2|v4}}.{Stored}", "[], v*~1", 74, 70),
        new($"st.volatile{{.global|local|shared}}{{.v2|v4}}.{Stored}", "[], v*~1"),
        new($"st.relaxed|release.cta|gpu|sys{{.global|shared|shared::cta}}{{.v2|v4}}.{Stored}", "[], v*~1", 60, 70),
        new("prefetch{.global|local}.L1|L2", "[]", 20, 20),
        new("prefetchu.L1", "[]", 20, 20),
        new("isspacep.const|global|local|shared", "=p, u64r", 20, 20),
        new("cvta.const|global|local|shared.u32|u64", "=1, 1", 20, 20),
        new("cvta.to.const|global|local|shared.u32|u64", "=1, 1", 20, 20),

        new($"cvt{{.sat}}.{Integers}.{Integers}", "=~1, ~2"),
        new($"cvt.{Whole}{{.ftz}}{{.sat}}.{Integers}.f32", "=~1, ~2"),
        new($"cvt.{Whole}{{.sat}}.{Integers}.f16|f64", "=~1, ~2"),
        new($"cvt.{Rounding}{{.ftz}}{{.sat}}.f32.{Integers}", "=~1, ~2"),
        new($"cvt.{Rounding}{{.sat}}.f16|f64.{Integers}", "=~1, ~2"),
        new("cvt{.ftz}{.sat}.f32.f16", "=~1, ~2"),
        new("cvt{.sat}.f64.f16", "=~1, ~2"),
        new("cvt{.ftz}{.sat}.f64.f32", "=~1, ~2"),
        new($"cvt.{Rounding}{{.ftz}}{{.sat}}.f16.f32", "=~1, ~2"),
        new($"cvt.{Rounding}{{.sat}}.f16.f64", "=~1, ~2"),
        new($"cvt.{Rounding}{{.ftz}}{{.sat}}.f32.f64", "=~1, ~2"),
        new($"cvt{{.{Whole}}}{{.ftz}}{{.sat}}.f32.f32", "=~1, ~2"),
        new($"cvt{{.{Whole}}}{{.sat}}.f16.f16", "=~1, ~2"),
        new($"cvt{{.{Whole}}}{{.sat}}.f64.f64", "=~1, ~2"),
        new("cvt.rn|rz.relu.f16.f32", "=~1, ~2", 70, 80),
        new("cvt.rn|rz{.relu}.bf16.f32", "=1, ~2", 70, 80),
        new("cvt.rn|rz{.relu}.f16x2|bf16x2.f32", "=1, ~2, ~2", 70, 80),
        new("cvt.rna.tf32.f32", "=1, ~2", 70, 80),
        new("cvt.f32.bf16", "=~1, 2r", 71, 80),

        new($"cp.async.ca.shared|shared::cta.global{Ahead}", "[shared], [global], #4|8|16, u32?", 70, 80),
        new($"cp.async.cg.shared|shared::cta.global{Ahead}", "[shared], [global], #16, u32?", 70, 80),
        new($"cp.async.ca.shared|shared::cta.global{Ahead}", "[shared], [global], #4|8|16, pr", 75, 80),
        new($"cp.async.cg.shared|shared::cta.global{Ahead}", "[shared], [global], #16, pr", 75, 80),
        new("cp.async.commit_group", string.Empty, 70, 80),
        new("cp.async.wait_group", "#", 70, 80),
        new("cp.async.wait_all", string.Empty, 70, 80),
    ];
}
