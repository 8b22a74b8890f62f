using System.Diagnostics;
using CsCheck;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

public sealed class SafetensorsWriterTests
{
    [Fact]
    public void EveryFixtureSurvivesARoundTripBitForBit()
    {
        using var folder = new TemporaryFolder();
        foreach (string model in Fixtures.Models)
        {
            using Checkpoint original = Checkpoint.Open(Fixtures.Path($"models/{model}"));
            SafetensorsWriter.Write(folder["copy.safetensors"], [.. original.Tensors.Values.Select(tensor => TensorSource.Of(tensor))]);
            using TensorFile copy = TensorFile.Open(folder["copy.safetensors"]);
            Assert.Equal("pt", copy.Metadata["format"]);
            Assert.Equal(original.Tensors.Keys.Order(StringComparer.Ordinal), copy.Tensors.Keys.Order(StringComparer.Ordinal));
            foreach ((string name, TensorView tensor) in original.Tensors)
            {
                Assert.Equal(tensor.Type, copy.Tensors[name].Type);
                Assert.Equal(tensor.Shape, copy.Tensors[name].Shape);
                Assert.Equal(Reading.Bytes(tensor), Reading.Bytes(copy.Tensors[name]));
            }
        }

        Assert.Equal(["copy.safetensors"], folder.Names);
    }

    [Fact]
    public void AnyTensorsOfAnyNamesSurviveARoundTrip()
    {
        using var folder = new TemporaryFolder();
        string path = folder["any.safetensors"];
        Gen<(string, float[], ElementType)> tensor = Gen.Select(
            Gen.String, Gen.Single.Array[0, 40], Gen.Int[(int)ElementType.F32, (int)ElementType.BF16].Select(i => (ElementType)i));
        tensor.Array[0, 8].Select(all => all.Where(one => !HasLoneSurrogate(one.Item1)).DistinctBy(one => one.Item1).ToArray()).Sample(
            tensors =>
            {
                SafetensorsWriter.Write(path, [.. tensors.Select(one => TensorSource.Of(one.Item1, [one.Item2.Length], one.Item2, one.Item3))]);
                using TensorFile file = TensorFile.Open(path);
                Assert.Equal(tensors.Length, file.Tensors.Count);
                Assert.All(file.Tensors.Values.Take(1), first => Assert.Equal(0, first.Offset % 64));
                foreach ((string name, float[] values, ElementType type) in tensors)
                {
                    TensorView view = file.Tensors[name];
                    Assert.Equal(0, view.Offset % view.Type.Size());
                    Assert.Equal(type, view.Type);
                    Assert.Equal(values.Select(value => Rounded(value, type)), view.ToFloats());
                }
            },
            iter: 200,
            threads: 1);
    }

    [Theory]
    [InlineData(1.00390625f, 1f)] // halfway between two neighbours: to the even one
    [InlineData(1.01171875f, 1.015625f)]
    [InlineData(3.4028235e38f, float.PositiveInfinity)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(-0f, -0f)]
    public void BF16RoundsToTheNearestEven(float value, float expected)
    {
        var bytes = new byte[2];
        TensorSource.Of("a", [1], new[] { value }, ElementType.BF16).CopyBytes(0, bytes);
        Assert.Equal(expected, BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(bytes) << 16));
    }

    [Fact]
    public void ANanWithItsPayloadInTheLowerHalfStaysNan()
    {
        var bytes = new byte[2];
        TensorSource.Of("a", [1], new[] { BitConverter.UInt32BitsToSingle(0x7F800001) }, ElementType.BF16).CopyBytes(0, bytes);
        Assert.True(float.IsNaN(BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(bytes) << 16)));
    }

    [Fact]
    public void EqualModelsGiveEqualFiles()
    {
        using var folder = new TemporaryFolder();
        TensorSource[] tensors = [.. Enumerable.Range(0, 9).Select(i => TensorSource.Of($"t{i}", [2], new float[] { i, -i }, i % 2 == 0 ? ElementType.F32 : ElementType.F16))];
        SafetensorsWriter.Write(folder["a"], tensors);
        SafetensorsWriter.Write(folder["b"], [.. tensors.Reverse()]);
        Assert.Equal(File.ReadAllBytes(folder["a"]), File.ReadAllBytes(folder["b"]));
    }

    [Fact]
    public void AFailureLeavesTheOldFileAndNothingElse()
    {
        using var folder = new TemporaryFolder();
        string path = folder["model.safetensors"];
        SafetensorsWriter.Write(path, [TensorSource.Of("a", [1], new float[] { 7 })]);
        byte[] old = File.ReadAllBytes(path);
        using var cancelled = new CancellationTokenSource();

        Assert.Throws<InvalidDataException>(() => SafetensorsWriter.Write(path, [Failing(() => throw new InvalidDataException())]));
        Assert.Throws<OperationCanceledException>(() => SafetensorsWriter.Write(path, [Failing(cancelled.Cancel)], cancellation: cancelled.Token));
        var error = Assert.Throws<CheckpointException>(() => SafetensorsWriter.Write(path, [Failing(() => throw new IOException("No space left."))]));
        Assert.Contains("No space left.", error.Message);
        Assert.StartsWith(path, error.Message);
        Assert.Throws<InvalidDataException>(
            () => SafetensorsWriter.WriteFolder(folder.Root, [TensorSource.Of("z", [1], new float[] { 1 }), Failing(() => throw new InvalidDataException())], 4));
        Assert.Equal(["model.safetensors"], folder.Names);
        Assert.Equal(old, File.ReadAllBytes(path));

        static TensorSource Failing(Action fail) => new("a", ElementType.F32, [1 << 21], (element, _) =>
        {
            if (element > 0)
            {
                fail();
            }
        });
    }

    [Fact]
    public void AFileThatCannotBeReplacedIsReported()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["model.safetensors"]);
        Assert.Throws<CheckpointException>(() => SafetensorsWriter.Write(folder["model.safetensors"], []));
        Assert.Throws<CheckpointException>(() => SafetensorsWriter.Write(folder["absent/model.safetensors"], []));
        Assert.Empty(folder.Names);
    }

    [SkippableFact]
    public void AFullDiskLeavesTheOldFileAndNothingElse()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "A small file system to fill can only be mounted by root on Linux.");
        using var folder = new TemporaryFolder();
        Skip.IfNot(Run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder.Root) == 0, "Mounting a small tmpfs is not permitted here.");
        try
        {
            string path = folder["model.safetensors"];
            SafetensorsWriter.Write(path, [TensorSource.Of("a", [1], new float[] { 7 })]);
            Assert.Throws<CheckpointException>(() => SafetensorsWriter.Write(path, [TensorSource.Of("a", [1 << 20], new float[1 << 20])]));
            Assert.Equal(["model.safetensors"], folder.Names);
            using TensorFile file = TensorFile.Open(path);
            Assert.Equal([7f], file.Tensors["a"].ToFloats());
        }
        finally
        {
            Run("umount", folder.Root);
        }

        static int Run(string program, params string[] arguments)
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
                process.WaitForExit();
                return process.ExitCode;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return -1;
            }
        }
    }

    [Fact]
    public void ShardsReplaceOneFileAndOneFileReplacesShards()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], "{}");
        TensorSource[] tensors = [.. Enumerable.Range(0, 5).Select(i => TensorSource.Of($"t{i}", [i + 1], Enumerable.Repeat((float)i, i + 1).ToArray()))];
        SafetensorsWriter.WriteFolder(folder.Root, tensors);
        Assert.Equal(["config.json", "model.safetensors"], folder.Names);

        SafetensorsWriter.WriteFolder(folder.Root, tensors, maxShardSize: 16);
        Assert.Equal(
            [
                "config.json", "model-00001-of-00004.safetensors", "model-00002-of-00004.safetensors", "model-00003-of-00004.safetensors",
                "model-00004-of-00004.safetensors", "model.safetensors.index.json",
            ],
            folder.Names);
        AssertSame();

        SafetensorsWriter.WriteFolder(folder.Root, tensors, maxShardSize: 24);
        AssertSame();
        Assert.Equal(3 + 2, folder.Names.Count());

        SafetensorsWriter.WriteFolder(folder.Root, tensors);
        Assert.Equal(["config.json", "model.safetensors"], folder.Names);
        AssertSame();

        void AssertSame()
        {
            using Checkpoint checkpoint = Checkpoint.Open(folder.Root);
            Assert.Equal(["t0", "t1", "t2", "t3", "t4"], checkpoint.Tensors.Keys.Order(StringComparer.Ordinal));
            Assert.All(checkpoint.Tensors.Values, tensor => Assert.All(tensor.ToFloats(), value => Assert.Equal(tensor.Count - 1, value)));
        }
    }

    [Fact]
    public void FilesOfAnotherModelAreRemovedWithTheSaveOfAWholeOne()
    {
        using var folder = new TemporaryFolder();
        TensorSource[] tensors = [TensorSource.Of("a", [1], new float[] { 1 })];
        foreach (string name in new[] { "tokenizer.json", "vocab.json", "merges.txt", "generation_config.json", "tokenizer_config.json", "README.md" })
        {
            File.WriteAllText(folder[name], "old");
        }

        SafetensorsWriter.WriteFolder(folder.Root, tensors);
        Assert.Equal(7, folder.Names.Count());
        var others = new Dictionary<string, Action<Stream>> { ["vocab.json"] = stream => stream.Write("new"u8) };
        Assert.Throws<InvalidDataException>(
            () => SafetensorsWriter.WriteFolder(folder.Root, [new TensorSource("z", ElementType.F32, [1], (_, _) => throw new InvalidDataException())], others: others));
        Assert.Equal(7, folder.Names.Count());
        SafetensorsWriter.WriteFolder(folder.Root, tensors, others: others);
        Assert.Equal(["README.md", "model.safetensors", "vocab.json"], folder.Names);
        Assert.Equal("new", File.ReadAllText(folder["vocab.json"]));
    }

    [Fact]
    public void AFailureLeavesNoNewFolderAndNoFewerOldOnes()
    {
        using var folder = new TemporaryFolder();
        TensorSource[] failing = [new TensorSource("z", ElementType.F32, [1], (_, _) => throw new InvalidDataException())];
        Directory.CreateDirectory(folder["old"]);
        foreach (string name in new[] { "new", "old" })
        {
            Assert.Throws<InvalidDataException>(() => SafetensorsWriter.WriteFolder(folder[name], failing));
        }

        Assert.False(Directory.Exists(folder["new"]));
        Assert.True(Directory.Exists(folder["old"]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-4)]
    public void AnAlignmentIsPositive(int alignment) => Assert.Throws<ArgumentOutOfRangeException>(
        () => new TensorSource("a", ElementType.F32, [1], (_, _) => { }) { Alignment = alignment });

    [Fact]
    public void ALargeTensorIsStreamedNotHeld()
    {
        using var folder = new TemporaryFolder();
        var large = new TensorSource("large", ElementType.U8, [64 << 20], (element, bytes) => bytes.Fill((byte)(element >> 20)));
        SafetensorsWriter.Write(folder["warm"], [TensorSource.Of("a", [1], new float[] { 1 })]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        SafetensorsWriter.Write(folder["large.safetensors"], [large]);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        using TensorFile file = TensorFile.Open(folder["large.safetensors"]);
        var last = new byte[1];
        file.Tensors["large"].CopyBytes((64 << 20) - 1, last);
        Assert.Equal(63, last[0]);
    }

    [Fact]
    public void NamesMustDifferAndShapesMustFit()
    {
        TensorSource one = TensorSource.Of("a", [1], new float[] { 1 });
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write("never-written", [one, one]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write("never-written", [TensorSource.Of("__metadata__", [0], Array.Empty<float>())]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write("never-written", [new TensorSource("a", ElementType.U8, [65], (_, _) => { }) { Alignment = 64 }]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write("never-written", [new TensorSource("a", ElementType.U8, [96], (_, _) => { }) { Alignment = 48 }]));
        Assert.Throws<ArgumentOutOfRangeException>(() => TensorSource.Of("a", [2], new float[] { 1 }));
        Assert.Throws<ArgumentException>(() => TensorSource.Of("a", [-1], new float[] { 1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => TensorSource.Of("a", [1], new float[] { 1 }, ElementType.I64));
        Assert.False(File.Exists("never-written"));
    }

    private static float Rounded(float value, ElementType type) => type switch
    {
        ElementType.F16 => (float)(Half)value,
        ElementType.BF16 => NearestBF16(value),
        _ => value,
    };

    // By comparing the two neighbours instead of by carrying into the upper half.
    private static float NearestBF16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000;
        float low = BitConverter.UInt32BitsToSingle(bits);
        if (float.IsNaN(value) || float.IsInfinity(value))
        {
            return value;
        }

        double next = BitConverter.UInt32BitsToSingle(bits + 0x10000);
        double high = double.IsInfinity(next) ? Math.CopySign(Math.Pow(2, 128), value) : next;
        double down = Math.Abs(value - (double)low);
        double up = Math.Abs(high - value);
        return down < up || (down == up && (bits & 0x10000) == 0) ? low : (float)high;
    }

    private static bool HasLoneSurrogate(string text) => text.Any(char.IsSurrogate);
}
