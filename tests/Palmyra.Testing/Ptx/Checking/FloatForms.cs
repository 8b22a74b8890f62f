namespace Palmyra.Testing.Ptx.Checking;

/// <summary>PTX manual 9.7.3, 9.7.4, 9.7.6 and the float lines of 9.7.5.</summary>
internal static class FloatForms
{
    private const string Rounding = "rn|rz|rm|rp";
    private const string Comparisons = "eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan";

    public static IEnumerable<InstructionForm> All =>
    [
        .. Sums("add"),
        .. Sums("sub"),
        .. Sums("mul"),
        new($"fma.{Rounding}{{.ftz}}{{.sat}}.f32", "=1, 1, 1, 1", 20, 20),
        new($"fma.{Rounding}.f64", "=1, 1, 1, 1", 14, 13),
        new("fma.rn{.ftz}{.sat}.f16|f16x2", "=1, 1r, 1r, 1r", 42, 53),
        new("fma.rn{.ftz}.relu.f16|f16x2", "=1, 1r, 1r, 1r", 70, 80),
        new("fma.rn{.relu}.bf16|bf16x2", "=1, 1r, 1r, 1r", 70, 80),
        new($"mad.{Rounding}{{.ftz}}{{.sat}}.f32", "=1, 1, 1, 1", 20, 20),
        new($"mad.{Rounding}.f64", "=1, 1, 1, 1", 14, 13),
        new("div.approx|full{.ftz}.f32", "=1, 1, 1", 14),
        new($"div.{Rounding}{{.ftz}}.f32", "=1, 1, 1", 14, 20),
        new($"div.{Rounding}.f64", "=1, 1, 1", 14, 20),
        new($"rcp.approx|{Rounding}{{.ftz}}.f32", "=1, 1", 14, 20),
        new($"rcp.{Rounding}.f64", "=1, 1", 14, 20),
        new($"sqrt.approx|{Rounding}{{.ftz}}.f32", "=1, 1", 14, 20),
        new($"sqrt.{Rounding}.f64", "=1, 1", 14, 20),
        new("rsqrt.approx{.ftz}.f32", "=1, 1", 14),
        new("rsqrt.approx.f64", "=1, 1", 14, 13),
        new("sin.approx{.ftz}.f32", "=1, 1", 14),
        new("cos.approx{.ftz}.f32", "=1, 1", 14),
        new("lg2.approx{.ftz}.f32", "=1, 1", 14),
        new("ex2.approx{.ftz}.f32", "=1, 1", 14),
        new("ex2.approx.f16|f16x2", "=1, 1r", 70, 75),
        new("ex2.approx.ftz.bf16|bf16x2", "=1, 1r", 78, 90),
        new("tanh.approx.f32", "=1, 1", 70, 75),
        new("tanh.approx.f16|f16x2", "=1, 1r", 70, 75),
        new("tanh.approx.bf16|bf16x2", "=1, 1r", 78, 90),
        .. Signs("abs", 65),
        .. Signs("neg", 60),
        .. Extremes("min"),
        .. Extremes("max"),
        new("copysign.f32|f64", "=1, 1, 1", 20, 20),
        new("testp.finite|infinite|number|notanumber|normal|subnormal.f32|f64", "=p, 1", 20, 20),
        .. Compared(string.Empty, string.Empty),
        .. Compared(".and|or|xor", ", !p"),
    ];

    private static IEnumerable<InstructionForm> Sums(string name) =>
    [
        new($"{name}{{.{Rounding}}}{{.ftz}}{{.sat}}.f32", "=1, 1, 1", 10, 20),
        new($"{name}{{.{Rounding}}}.f64", "=1, 1, 1", 10, 13),
        new($"{name}{{.rn}}{{.ftz}}{{.sat}}.f16|f16x2", "=1, 1r, 1r", 42, 53),
        new($"{name}{{.rn}}.bf16|bf16x2", "=1, 1r, 1r", 78, 90),
    ];

    private static IEnumerable<InstructionForm> Signs(string name, int halves) =>
    [
        new($"{name}{{.ftz}}.f32", "=1, 1"),
        new($"{name}.f64", "=1, 1", 10, 13),
        new($"{name}{{.ftz}}.f16|f16x2", "=1, 1r", halves, 53),
        new($"{name}.bf16|bf16x2", "=1, 1r", 70, 80),
    ];

    private static IEnumerable<InstructionForm> Extremes(string name) =>
    [
        new($"{name}{{.ftz}}.f32", "=1, 1, 1"),
        new($"{name}{{.ftz}}.NaN.f32", "=1, 1, 1", 70, 80),
        new($"{name}{{.ftz}}{{.NaN}}.xorsign.abs.f32", "=1, 1, 1", 72, 86),
        new($"{name}.f64", "=1, 1, 1", 10, 13),
        new($"{name}{{.ftz}}{{.NaN}}.f16|f16x2", "=1, 1r, 1r", 70, 80),
        new($"{name}{{.NaN}}.bf16|bf16x2", "=1, 1r, 1r", 70, 80),
    ];

    private static IEnumerable<InstructionForm> Compared(string with, string predicate) =>
    [
        new($"setp.{Comparisons}{with}{{.ftz}}.f32", $"=_p|p, 1, 1{predicate}"),
        new($"setp.{Comparisons}{with}.f64", $"=_p|p, 1, 1{predicate}", 10, 13),
        new($"setp.{Comparisons}{with}{{.ftz}}.f16|f16x2", $"=_p|p, 1r, 1r{predicate}", 42, 53),
        new($"setp.{Comparisons}{with}.bf16|bf16x2", $"=_p|p, 1r, 1r{predicate}", 78, 90),
    ];
}
