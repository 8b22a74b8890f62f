using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class ParserTests
{
    [Fact]
    public void NumbersInEveryForm() => Assert.Equal(
        [0x7Fu, 0xFFFFFFFF, 4294967295, 0x3FC00000, 0x3FC00000, 0xBFC00000, 5],
        Snippet.Run(
            """
            st.global.u32 [%rd], 0x7F; st.global.u32 [%rd+4], -1; st.global.u32 [%rd + 8], 4294967295; mov.f32 f0, 0f3FC00000; st.global.f32 [%rd+12], f0;
            mov.f32 f1, 1.5; st.global.f32 [%rd+0x10], f1; mov.f32 f2, -1.5; st.global.f32 [%rd+20], f2; add.u64 l0, %rd, 32; st.global.u32 [l0+-8], 5U;
            """,
            1,
            7));

    [Fact]
    public void CommentsAndPlacesInTheSourceAreReadOver()
    {
        PtxFailure failure = Assert.Throws<PtxFailure>(() => Snippet.Run("/* one\ntwo */ // three\n.loc 1 2 3\n.pragma \"x\";\n", 1, 1));
        Assert.Equal(12, failure.Line);
        Assert.Contains("the directive .pragma is not known in a body", failure.Message, StringComparison.Ordinal);
        Assert.Equal([7u], Snippet.Run("/* one\ntwo */ // three\n.loc 1 2 3\n\tmov.u32\tr0 ,\n7 ; st.global.u32 [\t%rd ] , r0 ;", 1, 1));
    }

    [Theory]
    [InlineData(".visible .entry K()\n{\nret;", 3, "the text ends within a body")]
    [InlineData(".visible .entry K(.param .u32 a\n{ ret; }", 2, "a directive is expected, not \"\"")]
    [InlineData(".const .u32 x;", 1, "the directive .const is not known here")]
    [InlineData(".visible .entry K() .reqnctapercluster 2\n{ ret; }", 1, "the directive .reqnctapercluster is not known here")]
    [InlineData(".visible .entry K()\n{ .reg .u128 x; }", 2, "the type .u128 is not known")]
    [InlineData(".visible .entry K()\n{ add.u32 a b; }", 2, "',' is expected, not 'b'")]
    [InlineData(".visible .entry K()\n{ call missing; }", 2, "there is no function missing")]
    [InlineData(".visible .func f()\n{ call f; ret; }\n.visible .entry K()\n{ call f; }", 2, "a call that is conditional or recursive")]
    public void WhatIsNotUnderstoodIsRefused(string text, int line, string reason)
    {
        using var driver = new PtxDriver();
        PtxFailure failure = Assert.Throws<PtxFailure>(() => driver.Load(new PtxKernel("Wrong", "K", text, 32)));
        Assert.Equal(line, failure.Line);
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
    }
}
