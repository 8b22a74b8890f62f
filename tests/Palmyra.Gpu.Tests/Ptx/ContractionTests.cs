using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests.Ptx;

public sealed class ContractionTests
{
    [Theory]
    [InlineData("mul.f32\t%f1, %f2, %f3;\n\tadd.f32\t%f4, %f1, %f5;", "fma.rn.f32 %f4, %f2, %f3, %f5;")]
    [InlineData("mul.f32\t%f1, %f2, 0f40000000;\n\tadd.f32\t%f1, %f5, %f1;", "fma.rn.f32 %f1, %f2, 0f40000000, %f5;")]
    [InlineData("mul.f32\t%f1, %f2, %f3;\n\tsub.f32\t%f4, %f1, %f5;", "neg.f32 %fuse, %f5; fma.rn.f32 %f4, %f2, %f3, %fuse;")]
    [InlineData("mul.f32\t%f1, %f2, %f3;\n\tsub.f32\t%f4, %f5, %f1;", "neg.f32 %fuse, %f2; fma.rn.f32 %f4, %fuse, %f3, %f5;")]
    public void Joins_what_belongs_together(string code, string expected)
    {
        Assert.Contains(expected, Contraction.Of("\t" + code, out int joined), StringComparison.Ordinal);
        Assert.Equal(1, joined);
    }

    [Theory]
    [InlineData("mul.f32\t%f1, %f2, %f3;\n\tmov.f32\t%f2, %f9;\n\tadd.f32\t%f4, %f1, %f5;")]
    [InlineData("mul.f32\t%f1, %f2, %f3;\n\tld.global.v2.f32\t{%f8, %f1}, [%rd1];\n\tadd.f32\t%f4, %f1, %f5;")]
    [InlineData("mul.f32\t%f1, %f2, %f3;\n\n\tL_1:\n\tadd.f32\t%f4, %f1, %f5;")]
    [InlineData("mul.f32\t%f1, %f1, %f3;\n\tadd.f32\t%f4, %f1, %f5;")]
    [InlineData("mul.rn.f32\t%f1, %f2, %f3;\n\tadd.f32\t%f4, %f1, %f5;")]
    public void Leaves_what_has_changed_between_or_is_rounded_by_order(string code) =>
        Assert.Equal("\t" + code + "\n", Contraction.Of("\t" + code, out _));

    [Fact]
    public void Rounds_once()
    {
        // (1 + 2^-12)^2 - (1 + 2^-11): rounded twice nothing is left, rounded once 2^-24.
        const string Code = "\t.reg .f32\t%f<4>;\n\tmov.f32\t%f1, 0f3F800800;\n\tmul.f32\t%f2, %f1, %f1;\n\tsub.f32\t%f3, %f2, 0f3F801000;\nst.global.f32 [%rd], %f3;";
        using var driver = new PtxDriver { Contracts = true };
        Assert.Equal(0f, BitConverter.UInt32BitsToSingle(Snippet.Run(Code, 1, 1)[0]));
        Assert.Equal(MathF.Pow(2, -24), BitConverter.UInt32BitsToSingle(Snippet.Run(driver, Code, 1, 1)[0]));
    }
}
