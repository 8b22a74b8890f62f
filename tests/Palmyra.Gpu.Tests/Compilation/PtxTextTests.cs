using Palmyra.Gpu.Compilation;

using Xunit;

namespace Palmyra.Gpu.Tests.Compilation;

/// <summary>Facts read from PTX of other hands than ILGPU's.</summary>
public sealed class PtxTextTests
{
    private const string Text = """
        // .entry of a comment (
        .version 8.0
        .target sm_90a
        .address_size 64
        .extern .shared .align 16 .b8 dynamic[];
        .visible .entry run( .param .u8 a, .param .u16 b, .param .align 16 .b8 c[48], .param .u64 d )
        /* .local .align 4 .b8 gone[4]; */
        {
            .local .align 8 .b8 depot[24];
            .shared .align 4 .f32 tile[32];
            .shared .u64 barrier;
            .reg .pred %p<4>;
            .reg .pred p;
            { .reg .f32 x<8>, y; .reg .b64 address; }
            ret;
        }
        """;

    [Fact]
    public void Facts_are_read()
    {
        PtxText facts = PtxText.Read(Text);
        Assert.Equal(("run", "sm_90a"), (facts.Entry, facts.Target));
        Assert.Equal([new PtxParameter(0, 1), new PtxParameter(2, 2), new PtxParameter(16, 48), new PtxParameter(64, 8)], facts.Parameters);
        Assert.Equal(72, facts.ParameterBytes);
        Assert.Equal((24, 136, true, 11), (facts.LocalBytes, facts.SharedBytes, facts.UsesDynamicShared, facts.NamedRegisters));
    }

    [Fact]
    public void An_entry_may_have_no_parameters()
    {
        PtxText facts = PtxText.Read(".version 8.0\n.target sm_80\n.visible .entry run() { ret; }");
        Assert.Empty(facts.Parameters);
        Assert.Equal(0, facts.ParameterBytes);
        Assert.False(facts.UsesDynamicShared);
    }

    [Fact]
    public void Conditional_branches_promise_nothing_and_others_keep_their_word() => Assert.Equal(
        "\t@%p5\tbra L_1;\n\t@!%p12 bra L_2;\n\tbra.uni L_3;\n\t@%p5 call.uni f;\n{ @done bra.uni DONE; }",
        PtxText.WithPlainBranches("\t@%p5\tbra.uni L_1;\n\t@!%p12 bra.uni L_2;\n\tbra.uni L_3;\n\t@%p5 call.uni f;\n{ @done bra.uni DONE; }"));

    [Theory]
    [InlineData("", "no target and 0 entries")]
    [InlineData(".target sm_80\n", "a target and 0 entries")]
    [InlineData(".target sm_80\n.entry a() {}\n.entry b() {}", "a target and 2 entries")]
    public void What_is_no_kernel_is_refused(string text, string found) =>
        Assert.Contains(found, Assert.Throws<FormatException>(() => PtxText.Read(text)).Message, StringComparison.Ordinal);
}
