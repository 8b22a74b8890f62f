using System.Diagnostics;
using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

public sealed class RefusedFilesTests
{
    public static TheoryData<string> Files
    {
        get
        {
            using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("refused/index.json")));
            return [.. index.RootElement.EnumerateArray().Select(entry => entry.GetProperty("file").GetString()!)];
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void EachIsRefusedAtOnceInLittleMemoryAndRunsNothing(string name)
    {
        string path = Fixtures.Path($"refused/{name}");
        Assert.Throws<CheckpointException>(() => TensorFile.Open(path));

        long before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        var error = Assert.Throws<CheckpointException>(() => TensorFile.Open(path));
        Assert.InRange(watch.ElapsedMilliseconds, 0, 1000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Reading.AllocationBound);
        Assert.StartsWith(path + ": ", error.Message);
        Assert.False(File.Exists("palmyra-was-here"));
        Assert.False(File.Exists(Fixtures.Path("refused/palmyra-was-here")));
    }

    [Theory]
    [InlineData("os-system.bin", "'posix.system'")]
    [InlineData("os-system-legacy.bin", "'posix.system'")]
    [InlineData("builtins-eval.bin", "'builtins.eval'")]
    [InlineData("pickle-truncated.bin", "ends early")]
    [InlineData("memo-out-of-range.bin", "memo entry 2147483647")]
    [InlineData("zip-without-pickle.bin", "data.pkl")]
    [InlineData("not-a-zip.bin", "end record is missing")]
    [InlineData("pickle-deep.bin", "stack is deeper")]
    [InlineData("unknown-dtype.safetensors", "the dtypes Palmyra reads are")]
    [InlineData("duplicate-key.safetensors", "twice")]
    [InlineData("offsets-gap.safetensors", "hole")]
    [InlineData("offsets-overlap.safetensors", "overlaps")]
    [InlineData("offsets-reversed.safetensors", "ends before it begins")]
    [InlineData("shape-overflow.safetensors", "exceeds 64 bits")]
    [InlineData("empty.safetensors", "0 bytes")]
    public void TheFaultIsNamed(string name, string expected) =>
        Assert.Contains(expected, Assert.Throws<CheckpointException>(() => TensorFile.Open(Fixtures.Path($"refused/{name}"))).Message);
}
