using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Diagnostics;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

/// <summary>The GGUF container: literal files read, written files read back, hostile ones refused by a sentence.</summary>
public sealed class GgufFileTests
{
    [Theory]
    [InlineData(2u)]
    [InlineData(3u)]
    public void A_literal_file_is_read(uint version)
    {
        byte[] file = GgufBytes.Begin(tensors: 2, pairs: 6, version)
            .Text("a.text").U32(8).Text("é")
            .Text("a.small").U32(1).U8(0xFE)
            .Text("a.flag").U32(7).U8(1)
            .Text("a.words").U32(9).U32(8).U64(2).Text("x").Text("")
            .Text("a.bytes").U32(9).U32(0).U64(3).Raw([1, 2, 250])
            .Text("a.number").U32(6).F32(0.5f)
            .Tensor("w", 0, 0, 3, 2)
            .Tensor("b", 0, 32, 1)
            .Pad().F32(1, 2, 3, 4, 5, 6).Pad().F32(7).End();
        GgufMetadata metadata = Read(file, out IReadOnlyDictionary<string, GgufTensor> tensors);
        Assert.Equal(["a.text", "a.small", "a.flag", "a.words", "a.bytes", "a.number"], metadata.Keys);
        Assert.Equal("é", metadata.Text("a.text"));
        Assert.Equal(-2, metadata.Integer("a.small"));
        Assert.True(metadata.Flag("a.flag"));
        Assert.Equal(["x", ""], metadata.Texts("a.words")!);
        Assert.Equal([1, 2, 250], metadata.Integers("a.bytes")!);
        Assert.Equal(0.5, metadata.Number("a.number"));
        Assert.Null(metadata.Text("a.nothing"));
        Assert.Equal([2, 3], tensors["w"].Shape);
        Assert.Equal([1, 2, 3, 4, 5, 6], tensors["w"].View().ToFloats());
        Assert.Equal([7], tensors["b"].View().ToFloats());
    }

    [Fact]
    public void Blocks_mean_what_ggml_says()
    {
        // Scale 0.5. Q8_0: the bytes themselves. Q4_0: byte j holds number j in its low half and number 16 + j in its high half, eight too large.
        byte[] q8 = [0x00, 0x38, .. Enumerable.Range(0, 32).Select(i => (byte)(i - 16))];
        byte[] q4 = [0x00, 0x38, .. Enumerable.Range(0, 16).Select(i => (byte)(i | ((15 - i) << 4)))];
        byte[] file = GgufBytes.Begin(3, 0).Tensor("q8", 8, 0, 32).Tensor("q4", 2, 64, 32).Tensor("b", 30, 96, 2)
            .Pad().Raw(q8).Pad().Raw(q4).Pad().Raw([0x80, 0x3F, 0x20, 0xC0]).End();
        Read(file, out IReadOnlyDictionary<string, GgufTensor> tensors);
        Assert.Equal(Enumerable.Range(0, 32).Select(i => (i - 16) * 0.5f), tensors["q8"].View().ToFloats());
        Assert.Equal(
            Enumerable.Range(0, 16).Select(i => (i - 8) * 0.5f).Concat(Enumerable.Range(0, 16).Select(i => (15 - i - 8) * 0.5f)),
            tensors["q4"].View().ToFloats());
        Assert.Equal([1, -2.5f], tensors["b"].View().ToFloats());
    }

    [Fact]
    public void What_is_written_is_read_back_and_the_old_file_survives_a_failure()
    {
        using var folder = new TemporaryFolder();
        var header = new GgufHeader();
        header.Add("t", "text");
        header.Add("u", 7u);
        header.Add("f", 0.25f);
        header.Add("b", false);
        header.Add("s", ["", "ä b"]);
        header.Add("i", [-1, 5]);
        Assert.Throws<ArgumentException>(() => header.Add("i", 1u));
        GgufTensorSource[] tensors =
        [
            new("one", GgmlType.F32, [3], stream => stream.Write(new GgufBytes().F32(1, 2, 3).End())),
            new("two", GgmlType.F16, [1, 2], stream => stream.Write([0, 0x3C, 0, 0x40])),
        ];
        GgufWriter.Write(folder["a.gguf"], header, tensors);
        using (GgufFile file = GgufFile.Open(folder["a.gguf"]))
        {
            Assert.Equal("text", file.Metadata.Text("t"));
            Assert.Equal(7, file.Metadata.Integer("u"));
            Assert.Equal(0.25, file.Metadata.Number("f"));
            Assert.False(file.Metadata.Flag("b"));
            Assert.Equal(["", "ä b"], file.Metadata.Texts("s")!);
            Assert.Equal([-1, 5], file.Metadata.Integers("i")!);
            Assert.Equal([1, 2, 3], file.Tensors["one"].View().ToFloats());
            Assert.Equal([1, 2], file.Tensors["two"].View().ToFloats());
            Assert.Equal(ElementType.F16, file.Tensors["two"].View().Type);
        }

        byte[] before = File.ReadAllBytes(folder["a.gguf"]);
        Assert.Equal(0, before.Length % 32);
        GgufTensorSource broken = new("one", GgmlType.F32, [3], stream => stream.WriteByte(1));
        Assert.Throws<InvalidOperationException>(() => GgufWriter.Write(folder["a.gguf"], header, [broken]));
        Assert.Throws<ArgumentException>(() => GgufWriter.Write(folder["a.gguf"], header, [tensors[0], tensors[0]]));
        Assert.Throws<ArgumentException>(() => GgufWriter.Write(folder["a.gguf"], header, [tensors[0] with { Name = new string('n', 64) }]));
        Assert.Equal(before, File.ReadAllBytes(folder["a.gguf"]));
        Assert.Equal(["a.gguf"], folder.Names);
    }

    public static TheoryData<string, byte[]> Hostile => new()
    {
        { "begins with 'GGUF'", [] },
        { "begins with 'GGUF'", "GGUF"u8.ToArray() },
        { "begins with 'GGUF'", [.. "GGML"u8, .. new byte[40]] },
        { "version 2 or 3 was expected; found 1", GgufBytes.Begin(0, 0, version: 1).End() },
        { "big-endian", GgufBytes.Begin(0, 0, version: 0x03000000).End() },
        { "claims 18446744073709551615 tensors", GgufBytes.Begin(ulong.MaxValue, 0).End() },
        { "claims 100000 tensors, of at least", GgufBytes.Begin(100_000, 0).Raw(new byte[100]).End() },
        { "claims 9223372036854775807 metadata pairs", GgufBytes.Begin(0, long.MaxValue).End() },
        { "claims 100000 metadata pairs, of at least", GgufBytes.Begin(0, 100_000).Raw(new byte[100]).End() },
        { "expected to have 1 to 1024 bytes; found 0", GgufBytes.Begin(0, 1).Raw(new byte[100]).End() },
        { "expected to have 1 to 1024 bytes; found 1025", GgufBytes.Begin(0, 1).U64(1025).Raw(new byte[2000]).End() },
        { "takes 1000 bytes", GgufBytes.Begin(0, 1).U64(1000).Raw(new byte[20]).End() },
        { "expected to be UTF-8", GgufBytes.Begin(0, 1).U64(2).Raw([0xC3, 0x28]).U32(4).U32(0).End() },
        { "has type 13", GgufBytes.Begin(0, 1).Text("k").U32(13).U64(0).End() },
        { "'k' twice", GgufBytes.Begin(0, 2).Text("k").U32(4).U32(0).Text("k").U32(4).U32(0).End() },
        { "expected to be true (1) or false (0); found 2", GgufBytes.Begin(0, 1).Text("k").U32(7).U8(2).U32(0).End() },
        { "a string of 'k' claims", GgufBytes.Begin(0, 1).Text("k").U32(8).U64(ulong.MaxValue).End() },
        { "an array of arrays", GgufBytes.Begin(0, 1).Text("k").U32(9).U32(9).U64(1).U32(9).U64(1).End() },
        { "'k' claims 4611686018427387905 elements", GgufBytes.Begin(0, 1).Text("k").U32(9).U32(4).U64((1UL << 62) + 1).Raw(new byte[64]).End() },
        { "'k' claims 9 elements", GgufBytes.Begin(0, 1).Text("k").U32(9).U32(8).U64(9).Raw(new byte[64]).End() },
        { "a string of 'k' claims 5 bytes; at most 0 were expected", GgufBytes.Begin(0, 1).Text("k").U32(9).U32(8).U64(1).U64(5).End() },
        { "general.alignment was expected to be a power of two", GgufBytes.Begin(0, 1).Text("general.alignment").U32(4).U32(24).End() },
        { "general.alignment was expected to be a power of two", GgufBytes.Begin(0, 1).Text("general.alignment").U32(4).U32(0).End() },
        { "general.alignment was expected to be a power of two", GgufBytes.Begin(0, 1).Text("general.alignment").U32(4).U32(1 << 20).End() },
        { "'general.alignment' was expected to be an integer; found String", GgufBytes.Begin(0, 1).Text("general.alignment").U32(8).Text("32").End() },
        { "the name of tensor 0 was expected to have 1 to 64 bytes", GgufBytes.Begin(1, 0).Tensor(new string('n', 65), 0, 0, 1).End() },
        { "has 0 dimensions", GgufBytes.Begin(1, 0).Tensor("w", 0, 0).U64(0).End() },
        { "has 5 dimensions", GgufBytes.Begin(1, 0).Tensor("w", 0, 0, 1, 1, 1, 1, 1).End() },
        { "has a dimension of 0", GgufBytes.Begin(1, 0).Tensor("w", 0, 0, 0).End() },
        { "has a dimension of 9223372036854775808", GgufBytes.Begin(1, 0).Tensor("w", 0, 0, 1UL << 63).End() },
        { "whose size exceeds 62 bits", GgufBytes.Begin(1, 0).Tensor("w", 0, 0, 1UL << 32, 1UL << 32).End() },
        { "whose size exceeds 62 bits", GgufBytes.Begin(1, 0).Tensor("w", 0, 0, 1UL << 31, 1UL << 31).End() },
        { "is stored as Q4_K", GgufBytes.Begin(1, 0).Tensor("w", 12, 0, 256).End() },
        { "is stored as number 4000000000", GgufBytes.Begin(1, 0).Tensor("w", 4_000_000_000, 0, 256).End() },
        { "rows of 33 numbers", GgufBytes.Begin(1, 0).Tensor("w", 8, 0, 33).End() },
        { "a multiple of 32 inside the file", GgufBytes.Begin(1, 0).Tensor("w", 0, 4, 1).Raw(new byte[100]).End() },
        { "a multiple of 32 inside the file", GgufBytes.Begin(1, 0).Tensor("w", 0, 1UL << 63, 1).Raw(new byte[100]).End() },
        { "takes 4 bytes from byte 0 of the data, but the file holds 0", GgufBytes.Begin(1, 0).Tensor("w", 0, 0, 1).End() },
        { "takes 40 bytes from byte 0 of the data, but the file holds 39", GgufBytes.Begin(1, 0).Tensor("w", 0, 0, 10).Pad().Raw(new byte[39]).End() },
        { "overlaps tensor 'v'", GgufBytes.Begin(2, 0).Tensor("v", 0, 0, 10).Tensor("w", 0, 32, 1).Pad().Raw(new byte[64]).End() },
        { "leaves a hole after the header", GgufBytes.Begin(1, 0).Tensor("w", 0, 32, 1).Pad().Raw(new byte[64]).End() },
        { "tensor 'w' twice", GgufBytes.Begin(2, 0).Tensor("w", 0, 0, 1).Tensor("w", 0, 32, 1).Pad().Raw(new byte[64]).End() },
        { "bytes belong to nothing", GgufBytes.Begin(1, 0).Tensor("w", 0, 0, 1).Pad().Raw(new byte[64]).End() },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_hostile_file_is_refused_at_once_in_little_memory(string fault, byte[] file)
    {
        Assert.Throws<CheckpointException>(() => Read(file, out _));
        long before = GC.GetAllocatedBytesForCurrentThread();
        CheckpointException error = Assert.Throws<CheckpointException>(() => Read(file, out _));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.StartsWith("hostile.gguf: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_of_another_type_is_refused_by_name()
    {
        byte[] file = GgufBytes.Begin(0, 3).Text("a").U32(8).Text("x").Text("b").U32(10).U64(ulong.MaxValue).Text("c").U32(9).U32(6).U64(1).F32(1).End();
        GgufMetadata metadata = Read(file, out _);
        Assert.Contains("'a' was expected to be an integer; found String", Refusal(() => metadata.Integer("a")), StringComparison.Ordinal);
        Assert.Contains("'b' was expected to be at most", Refusal(() => metadata.Integer("b")), StringComparison.Ordinal);
        Assert.Contains("'c' was expected to be an array of strings; found an array of Float32", Refusal(() => metadata.Texts("c")), StringComparison.Ordinal);
        Assert.Contains("'a' was expected to be true or false", Refusal(() => metadata.Flag("a")), StringComparison.Ordinal);
        Assert.Contains("'a' was expected to be a floating-point number", Refusal(() => metadata.Number("a")), StringComparison.Ordinal);
        Assert.Contains("'b' was expected to be a string", Refusal(() => metadata.Text("b")), StringComparison.Ordinal);
        Assert.Contains("'a' was expected to be an array of integers", Refusal(() => metadata.Integers("a")), StringComparison.Ordinal);
    }

    private static GgufMetadata Read(byte[] file, out IReadOnlyDictionary<string, GgufTensor> tensors) =>
        GgufReader.Read(ByteSource.Of(file), "hostile.gguf", out tensors);

    private static string Refusal(Func<object?> read) => Assert.Throws<CheckpointException>(read).Message;
}
