using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

public sealed class TorchArchiveTests
{
    private static readonly byte[] SixFloats = [.. Enumerable.Range(0, 6).SelectMany(i => BitConverter.GetBytes((float)i))];

    [Fact]
    public void AViewOfAStorageIsReadThroughItsStrides()
    {
        byte[] file = Zip(Pickle.StateDict(("t", Pickle.Tensor("0", 6, 1, [2, 2], [1, 3]))), ("0", SixFloats));
        Assert.Equal([1f, 4f, 2f, 5f], Read(file)["t"].ToFloats());
    }

    [Fact]
    public void ScalarsEmptyTensorsAndOneElementDimensionsAreTensors()
    {
        byte[] file = Zip(
            Pickle.StateDict(
                ("scalar", Pickle.Tensor("0", 6, 5, [], [])),
                ("empty", Pickle.Tensor("0", 6, 6, [0, 9], [9, 1])),
                ("ones", Pickle.Tensor("0", 6, 2, [1, 3, 1], [99, 1, 77]))),
            ("0", SixFloats));
        IReadOnlyDictionary<string, TensorView> tensors = Read(file);
        Assert.Equal([5f], tensors["scalar"].ToFloats());
        Assert.Empty(tensors["empty"].ToFloats());
        Assert.Equal([2f, 3f, 4f], tensors["ones"].ToFloats());
    }

    [Fact]
    public void AnOrderedDictWithMetadataAndParametersIsAStateDict()
    {
        byte[] parameter = [.. Pickle.Global("torch._utils", "_rebuild_parameter"), .. Pickle.Mark, .. Pickle.Tensor("0", 6, 0, [6], [1]), .. Pickle.True, .. Pickle.OrderedDict, .. Pickle.Tuple, .. Pickle.Reduce];
        byte[] pickle =
        [
            .. Pickle.Protocol, .. Pickle.OrderedDict, .. Pickle.Mark, .. Pickle.Text("t"), .. parameter, .. Pickle.SetItems,
            .. "}(X\u0009\0\0\0_metadata"u8, .. Pickle.OrderedDict, .. Pickle.SetItems, .. "b."u8,
        ];
        Assert.Equal(6, Read(Zip(pickle, ("0", SixFloats)))["t"].Count);
    }

    [Theory]
    [InlineData("state_dict")]
    [InlineData("model")]
    public void AStateDictOneLevelDownIsFound(string wrapper)
    {
        byte[] inner = [.. "}("u8, .. Pickle.Text("t"), .. Pickle.Tensor("0", 6, 0, [6], [1]), .. Pickle.SetItems];
        byte[] pickle = [.. Pickle.Protocol, .. "}("u8, .. Pickle.Text("epoch"), .. Pickle.Integer(3), .. Pickle.Text(wrapper), .. inner, .. Pickle.SetItems, .. "."u8];
        Assert.Equal(["t"], Read(Zip(pickle, ("0", SixFloats))).Keys);
    }

    [Theory]
    [InlineData(5, new int[] { 2 }, new int[] { 1 }, "reaches outside its storage")]
    [InlineData(0, new int[] { 2, 2 }, new int[] { 5, 1 }, "reaches outside its storage")]
    [InlineData(0, new int[] { 7 }, new int[] { 0 }, "more elements than its storage")]
    [InlineData(0, new int[] { 2_000_000_000, 2_000_000_000, 2_000_000_000 }, new int[] { 0, 0, 0 }, "more elements than its storage")]
    [InlineData(7, new int[] { 0 }, new int[] { 1 }, "reaches outside its storage")]
    [InlineData(-1, new int[] { 1 }, new int[] { 1 }, "offset -1")]
    [InlineData(0, new int[] { 1 }, new int[] { -1 }, "integers of 0 or more")]
    [InlineData(0, new int[] { 1, 1 }, new int[] { 1 }, "2 dimensions, 1 strides")]
    public void AViewThatLeavesItsStorageIsRefused(int offset, int[] shape, int[] strides, string expected) =>
        Refused(Zip(Pickle.StateDict(("t", Pickle.Tensor("0", 6, offset, shape, strides))), ("0", SixFloats)), expected);

    [Fact]
    public void AStorageMustBeThereWithItsSizeAndOneDescription()
    {
        byte[] one = Pickle.StateDict(("t", Pickle.Tensor("0", 6, 0, [6], [1])));
        Refused(Zip(one), "no 'archive/data/0'");
        Refused(Zip(one, ("0", SixFloats[..^1])), "expected to have 24 bytes; found 23");
        Refused(Zip(one, ("0", [.. SixFloats, 0])), "expected to have 24 bytes; found 25");
        byte[] two = Pickle.StateDict(("t", Pickle.Tensor("0", 6, 0, [6], [1])), ("u", Pickle.Tensor("0", 5, 0, [5], [1])));
        Refused(Zip(two, ("0", SixFloats)), "described twice");
        byte[] same = Pickle.StateDict(("t", Pickle.Tensor("0", 6, 0, [6], [1])), ("t", Pickle.Tensor("0", 6, 0, [5], [1])));
        Refused(Zip(same, ("0", SixFloats)), "'t' twice");
    }

    [Theory]
    [InlineData("cos\nsystem\n.", "'os.system'")]
    [InlineData("ctorch\nload\n.", "'torch.load'")]
    [InlineData("ctorch._utils\n_rebuild_tensor_v2 \n.", "'torch._utils._rebuild_tensor_v2 '")]
    [InlineData("c__builtin__\ngetattr\n.", "'__builtin__.getattr'")]
    [InlineData("X\u0002\0\0\0osX\u0006\0\0\0system\u0093.", "'os.system'")]
    [InlineData("(iposix\nsystem\n.", "INST")]
    [InlineData("(cposix\nsystem\no.", "'posix.system'")]
    [InlineData(")\u0081.", "NEWOBJ")]
    [InlineData("\u0082\u0001.", "EXT1")]
    [InlineData("P0\n.", "PERSID")]
    [InlineData("X\u0001\0\0\0a)R.", "calls something")]
    [InlineData("ctorch\nFloatStorage\n)R.", "calls 'torch.FloatStorage'")]
    [InlineData("ccollections\nOrderedDict\n(]tR.", "made empty")]
    [InlineData("ctorch._utils\n_rebuild_tensor_v2\n)R.", "made of a storage")]
    [InlineData("]}b.", "sets the attributes")]
    [InlineData("}]b.", "sets the attributes")]
    [InlineData("X\u0001\0\0\0aQ.", "a storage was expected")]
    [InlineData("}K\u0001a.", "appends to something")]
    [InlineData("]K\u0001K\u0001s.", "sets items")]
    [InlineData("}(K\u0001u.", "a key without its value")]
    [InlineData("t.", "takes more values")]
    [InlineData("0.", "takes more values")]
    [InlineData("(.", "takes more values")]
    [InlineData(".", "takes more values")]
    [InlineData("}}.", "1 values left over")]
    [InlineData("h\u0001.", "memo entry 1")]
    [InlineData("X\u00ff\u00ff\u00ff\u00ffa.", "ends early")]
    [InlineData("X\u0001\0\0\0\u00ff.", "not UTF-8")]
    [InlineData("\u008d\0\0\0\0\0\0\0\u0080.", "9223372036854775808")]
    [InlineData("K\u0001.", "expected to hold a state dict")]
    [InlineData("}(K\u0001K\u0001u.", "something that is not a tensor")]
    [InlineData("}.}.", "2 bytes after its end")]
    [InlineData("}(X\u0001\0\0\0aX\u0001\0\0\0bu.", "entry 'a' is something that is not a tensor")]
    public void WhatIsNoStateDictIsRefused(string opcodes, string expected) =>
        Refused(Zip([.. Pickle.Protocol, .. opcodes.Select(c => checked((byte)c))]), expected);

    [Fact]
    public void InstructionsAreLimited()
    {
        byte[] pickle = [.. Pickle.Protocol, .. Enumerable.Repeat((byte[])[(byte)'N', (byte)'0'], 1_500_000).SelectMany(pair => pair)];
        Refused(Zip(pickle), "more than 2000000 instructions");
    }

    [Fact]
    public void CompressedEntriesBigEndianFilesAndDoubledEntriesAreRefused()
    {
        byte[] pickle = Pickle.StateDict(("t", Pickle.Tensor("0", 6, 0, [6], [1])));
        Refused(Zip(pickle, CompressionLevel.Optimal, ("data/0", new byte[1000])), "compressed (method 8)");
        Refused(Zip(pickle, CompressionLevel.NoCompression, ("data/0", SixFloats), ("byteorder", "big"u8.ToArray())), "big-endian");
        Assert.Single(Read(Zip(pickle, CompressionLevel.NoCompression, ("data/0", SixFloats), ("byteorder", "little"u8.ToArray()))));
        Refused(Zip(pickle, CompressionLevel.NoCompression, ("data/0", SixFloats), ("data/0", SixFloats)), "twice");
        Refused(Zip(pickle, CompressionLevel.NoCompression, ("x/data.pkl", pickle)), "found 2");
    }

    [Fact]
    public void AZip64ArchiveIsRead()
    {
        byte[] file = Zip64(Pickle.StateDict(("t", Pickle.Tensor("0", 6, 0, [6], [1]))), SixFloats);
        Assert.Equal([0f, 1f, 2f, 3f, 4f, 5f], Read(file)["t"].ToFloats());
        Refused(file[..^1], "end record is missing");
        int locator = file.Length - 22 - 20;
        byte[] astray = (byte[])file.Clone();
        BinaryPrimitives.WriteInt64LittleEndian(astray.AsSpan(locator + 8), long.MaxValue);
        Refused(astray, "zip64 end record lies outside");
        BinaryPrimitives.WriteInt64LittleEndian(astray.AsSpan(locator + 8), 0);
        Refused(astray, "zip64 end record is missing");
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(int.MaxValue / 2)]
    public void AnEntryThatReachesOutsideTheFileIsRefusedEvenIfThePickleAgrees(int elements)
    {
        byte[] pickle = Pickle.StateDict(("t", Pickle.Tensor("0", elements, 0, [elements], [1])));
        Refused(Zip64(pickle, SixFloats, claimed: elements * 4L), "does not lie inside the file");
        Refused(Zip64(pickle, SixFloats, claimed: long.MaxValue), "does not lie inside the file");
        Refused(Zip64(pickle, SixFloats, claimed: -1), "does not lie inside the file");
    }

    // Every 32-bit place says "see the 64-bit one", as an archive over 4 GB has it.
    private static byte[] Zip64(byte[] pickle, byte[] storage, long? claimed = null)
    {
        var file = new MemoryStream();
        var directory = new MemoryStream();
        using var writer = new BinaryWriter(file);
        using var entries = new BinaryWriter(directory);
        foreach ((string name, byte[] data) in new[] { ("archive/data.pkl", pickle), ("archive/data/0", storage) })
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(name);
            long local = file.Position;
            writer.Write(0x04034b50u);
            writer.Write(new byte[14]);
            writer.Write(uint.MaxValue);
            writer.Write(uint.MaxValue);
            writer.Write((ushort)utf8.Length);
            writer.Write((ushort)5);
            writer.Write(utf8);
            writer.Write(new byte[5]);
            writer.Write(data);

            entries.Write(0x02014b50u);
            entries.Write(new byte[16]);
            entries.Write(uint.MaxValue);
            entries.Write(uint.MaxValue);
            entries.Write((ushort)utf8.Length);
            entries.Write((ushort)(4 + 3 + 4 + 24));
            entries.Write(new byte[10]);
            entries.Write(uint.MaxValue);
            entries.Write(utf8);
            entries.Write([0x34, 0x12, 3, 0, 9, 9, 9, 1, 0, 24, 0]); // another field, then the zip64 one
            entries.Write(claimed is { } size && data == storage ? size : data.Length);
            entries.Write(claimed is { } compressed && data == storage ? compressed : data.Length);
            entries.Write(local);
        }

        long start = file.Position;
        writer.Write(directory.ToArray());
        long end = file.Position;
        writer.Write(0x06064b50u);
        writer.Write(44L);
        writer.Write(new byte[12]);
        writer.Write(2L);
        writer.Write(2L);
        writer.Write(end - start);
        writer.Write(start);
        writer.Write(0x07064b50u);
        writer.Write(0);
        writer.Write(end);
        writer.Write(1);
        writer.Write(0x06054b50u);
        writer.Write(0);
        writer.Write([0xFF, 0xFF, 0xFF, 0xFF]);
        writer.Write(uint.MaxValue);
        writer.Write(uint.MaxValue);
        writer.Write((ushort)0);
        return file.ToArray();
    }

    private static IReadOnlyDictionary<string, TensorView> Read(byte[] file) => TorchArchive.Read(ByteSource.Of(file), "some.bin");

    private static void Refused(byte[] file, string expected)
    {
        string message = Assert.Throws<CheckpointException>(() => Read(file)).Message;
        Assert.StartsWith("some.bin: ", message);
        Assert.Contains(expected, message);
    }

    private static byte[] Zip(byte[] pickle, params (string Key, byte[] Data)[] storages) =>
        Zip(pickle, CompressionLevel.NoCompression, [.. storages.Select(storage => ("data/" + storage.Key, storage.Data))]);

    private static byte[] Zip(byte[] pickle, CompressionLevel level, params (string Name, byte[] Data)[] entries)
    {
        var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] data) in entries.Prepend(("data.pkl", pickle)))
            {
                using Stream entry = zip.CreateEntry("archive/" + name, level).Open();
                entry.Write(data);
            }
        }

        return bytes.ToArray();
    }
}
