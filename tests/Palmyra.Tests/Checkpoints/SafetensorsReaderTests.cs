using System.Buffers.Binary;
using System.Text;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

public sealed class SafetensorsReaderTests
{
    [Fact]
    public void ReadsTheNamesShapesAndTypesOfAFixture()
    {
        using var source = new MappedFile(Fixtures.Path("models/gpt-neo/model.safetensors"));
        IReadOnlyDictionary<string, TensorView> tensors = SafetensorsReader.Read(source, "model", out var metadata);
        Assert.Equal("pt", metadata["format"]);
        TensorView wte = tensors["transformer.wte.weight"];
        Assert.Equal(ElementType.F32, wte.Type);
        Assert.Equal(2, wte.Shape.Count);
        Assert.Equal(wte.Shape[0] * wte.Shape[1], wte.ToFloats().Length);
        Assert.All(wte.ToFloats(), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void ReadsValuesExactly()
    {
        var data = new byte[12];
        BinaryPrimitives.WriteSingleLittleEndian(data, 1.5f);
        BinaryPrimitives.WriteHalfLittleEndian(data.AsSpan(4), (Half)(-2.25));
        BinaryPrimitives.WriteHalfLittleEndian(data.AsSpan(6), (Half)3);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(8), 0x3F80);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(10), 0xC000);
        byte[] file = Safetensors(
            """{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"h":{"dtype":"F16","shape":[2,1],"data_offsets":[4,8]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]}} """,
            data);
        IReadOnlyDictionary<string, TensorView> tensors = SafetensorsReader.Read(ByteSource.Of(file), "memory");
        Assert.Equal(["a", "h", "b"], tensors.Keys);
        Assert.Equal([1.5f], tensors["a"].ToFloats());
        Assert.Equal([-2.25f, 3f], tensors["h"].ToFloats());
        Assert.Equal([1f, -2f], tensors["b"].ToFloats());
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "belong to nothing")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3, "Is the download complete")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "ends before it begins")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "leaves a hole after the header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "overlaps tensor 'a'")]
    [InlineData("""{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}""", 4, "dtype 'F99'; the dtypes Palmyra reads are F64, F32")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "shape was expected to hold integers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807,0],"data_offsets":[0,0]}}""", 0, "exceeds 64 bits")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "takes 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":1}}""", 4, "'extra'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""", 0, "one is missing")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "integers")]
    [InlineData("""{"a":[]}""", 0, "expected to be a JSON object")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "expected to be a string")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "twice")]
    [InlineData("""{} {}""", 0, "not valid JSON")]
    [InlineData("""{"a\ud800":{}}""", 0, "not valid JSON")]
    [InlineData("""{"a":{"shape":[[[[[[[[[[[[[1]]]]]]]]]]]]]}}""", 0, "shape was expected")]
    [InlineData("[]", 0, "expected to be a JSON object")]
    [InlineData("", 0, "not valid JSON")]
    public void RefusesWithOneSentenceThatNamesTheFault(string header, int dataLength, string expected)
    {
        byte[] file = Safetensors(header, new byte[dataLength]);
        var error = Assert.Throws<CheckpointException>(() => SafetensorsReader.Read(ByteSource.Of(file), "some.safetensors"));
        Assert.StartsWith("some.safetensors: ", error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Theory]
    [InlineData("{", "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}", "}", "tensors")]
    [InlineData("{\"__metadata__\":{", "\":\"\"", "}}", "pairs")]
    public void MoreEntriesThanAnyModelHasAreRefusedInBoundedMemory(string before, string entry, string after, string expected)
    {
        byte[] file = Safetensors(before + string.Join(',', Enumerable.Range(0, 1_000_000).Select(i => $"\"{i}{entry}")) + after, []);
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<CheckpointException>(() => SafetensorsReader.Read(ByteSource.Of(file), "some.safetensors"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 2 * Reading.AllocationBound);
        Assert.Contains($"more than {SafetensorsReader.MaxEntries} {expected}", error.Message);
    }

    [Fact]
    public void AMappedFileRefusesRangesOutsideAndUseAfterDisposal()
    {
        var source = new MappedFile(Fixtures.Path("refused/not-a-zip.bin"));
        Assert.Equal(11, source.Length);
        Assert.Equal("arbage"u8.ToArray(), source.Slice(5, 6).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => source.Slice(-1, 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => source.Slice(5, 7).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => source.Slice(long.MaxValue, int.MaxValue).Length);
        source.Dispose();
        source.Dispose();
        Assert.Throws<ObjectDisposedException>(() => source.Slice(0, 1).Length);
    }

    [Fact]
    public void AMissingFileIsNamed() =>
        Assert.Contains("no-such-file", Assert.Throws<CheckpointException>(() => new MappedFile("no-such-file")).Message);

    private static byte[] Safetensors(string header, byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        var file = new byte[8 + text.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(file, text.Length);
        text.CopyTo(file, 8);
        data.CopyTo(file, 8 + text.Length);
        return file;
    }
}
