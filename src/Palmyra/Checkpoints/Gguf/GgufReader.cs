using System.Buffers.Binary;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints.Gguf;

/// <summary>Reads the directory of a GGUF file, versions 2 and 3: a count of tensors, typed metadata, the tensors' descriptions, then their bytes.</summary>
/// <remarks>
/// Nothing is allocated on the word of a count: what a count promises must fit into the bytes that are left. Tensors must follow each other
/// without overlap or hole but the padding that the alignment asks for, as ggml's own reader demands.
/// </remarks>
internal sealed class GgufReader
{
    private const uint Magic = 0x46554747;
    private const string AlignmentKey = "general.alignment";
    private const int DefaultAlignment = 32;
    private const int LargestAlignment = 1 << 16;
    private const int LongestKey = 1024;
    private const int LongestString = 1 << 28;

    // The format says 64, ggml's own reader takes one less.
    private const int LongestName = 64;
    private const int MostDimensions = 4;
    private const int SmallestPair = sizeof(ulong) + 1 + sizeof(uint) + 1;
    private const int SmallestTensor = sizeof(ulong) + 1 + sizeof(uint) + sizeof(ulong) + sizeof(uint) + sizeof(ulong);

    private readonly ByteSource _source;
    private readonly string _path;
    private long _position;

    private GgufReader(ByteSource source, string path)
    {
        _source = source;
        _path = path;
    }

    private long Left => _source.Length - _position;

    /// <summary>Reads metadata and tensors.</summary>
    /// <param name="source">The file's bytes; what is returned stays valid as long as it does.</param>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="tensors">Every tensor by its name, in the file's order.</param>
    /// <exception cref="CheckpointException">The file is no well-formed GGUF file of these versions, or has a tensor of a type that is not read.</exception>
    public static GgufMetadata Read(ByteSource source, string path, out IReadOnlyDictionary<string, GgufTensor> tensors) =>
        new GgufReader(source, path).Read(out tensors);

    /// <summary>Bytes of a value that is neither string nor array.</summary>
    internal static int SizeOf(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        _ => 8,
    };

    private GgufMetadata Read(out IReadOnlyDictionary<string, GgufTensor> tensors)
    {
        CheckVersion();
        long tensorCount = Count("tensors", SmallestTensor);
        long pairCount = Count("metadata pairs", SmallestPair);
        OrderedDictionary<string, GgufEntry> entries = ReadPairs(pairCount);
        var metadata = new GgufMetadata(_source, _path, entries);
        long alignment = Alignment(metadata);
        tensors = ReadTensors(tensorCount, alignment);
        return metadata;
    }

    private void CheckVersion()
    {
        const int Header = sizeof(uint) + sizeof(uint) + sizeof(ulong) + sizeof(ulong);
        if (_source.Length < Header || ReadUInt32("the magic") != Magic)
        {
            throw new CheckpointException($"{_path}: a GGUF file begins with 'GGUF' and a header of {Header} bytes; this one does not.");
        }

        uint version = ReadUInt32("the version");
        if (version is not (2 or 3))
        {
            string hint = version is 0x02000000 or 0x03000000 ? " Its bytes are in the order of big-endian machines." : string.Empty;
            throw new CheckpointException($"{_path}: GGUF version 2 or 3 was expected; found {version}.{hint}");
        }
    }

    private long Count(string what, int smallest)
    {
        ulong count = ReadUInt64($"the number of {what}");
        if (count > SafetensorsReader.MaxEntries)
        {
            throw new CheckpointException($"{_path}: the header claims {count} {what}; at most {SafetensorsReader.MaxEntries} are accepted.");
        }

        return (long)count * smallest <= Left
            ? (long)count
            : throw new CheckpointException(
                $"{_path}: the header claims {count} {what}, of at least {smallest} bytes each, but {Left} bytes follow. Is the download complete?");
    }

    private OrderedDictionary<string, GgufEntry> ReadPairs(long count)
    {
        var entries = new OrderedDictionary<string, GgufEntry>(StringComparer.Ordinal);
        for (long i = 0; i < count; i++)
        {
            string key = ReadName($"the key of metadata pair {i}", LongestKey);
            if (!entries.TryAdd(key, ReadEntry(key)))
            {
                throw new CheckpointException($"{_path}: the metadata has '{key}' twice.");
            }
        }

        return entries;
    }

    private GgufEntry ReadEntry(string key)
    {
        GgufValueType type = ReadType(key);
        if (type != GgufValueType.Array)
        {
            long single = _position;
            Skip(key, type, 1);
            return new GgufEntry(type, IsArray: false, 1, single);
        }

        GgufValueType element = ReadType(key);
        ulong count = ReadUInt64($"the length of '{key}'");
        if (element == GgufValueType.Array)
        {
            throw new CheckpointException($"{_path}: '{key}' is an array of arrays, which no model has and ggml does not read either.");
        }

        int smallest = element == GgufValueType.String ? sizeof(ulong) : SizeOf(element);
        if (count > (ulong)(Left / smallest))
        {
            throw new CheckpointException(
                $"{_path}: '{key}' claims {count} elements of at least {smallest} bytes, but {Left} bytes follow. Is the download complete?");
        }

        long first = _position;
        Skip(key, element, (long)count);
        return new GgufEntry(element, IsArray: true, (long)count, first);
    }

    private void Skip(string key, GgufValueType type, long count)
    {
        if (type != GgufValueType.String)
        {
            Need(count * SizeOf(type), $"'{key}'");
            if (type == GgufValueType.Bool)
            {
                CheckFlags(key, count);
            }

            _position += count * SizeOf(type);
            return;
        }

        for (long i = 0; i < count; i++)
        {
            ulong length = ReadUInt64($"the length of a string of '{key}'");
            long most = Math.Min(Left, LongestString);
            if (length > (ulong)most)
            {
                throw new CheckpointException($"{_path}: a string of '{key}' claims {length} bytes; at most {most} were expected. Is the download complete?");
            }

            _position += (long)length;
        }
    }

    private void CheckFlags(string key, long count)
    {
        for (long i = 0; i < count; i++)
        {
            byte value = _source.Slice(_position + i, 1)[0];
            if (value > 1)
            {
                throw new CheckpointException($"{_path}: '{key}' was expected to be true (1) or false (0); found {value}.");
            }
        }
    }

    private GgufValueType ReadType(string key)
    {
        uint type = ReadUInt32($"the type of '{key}'");
        return type <= (uint)GgufValueType.Float64
            ? (GgufValueType)type
            : throw new CheckpointException($"{_path}: '{key}' has type {type}; a type from 0 to {(uint)GgufValueType.Float64} was expected.");
    }

    private long Alignment(GgufMetadata metadata)
    {
        long alignment = metadata.Integer(AlignmentKey) ?? DefaultAlignment;
        return alignment is >= 1 and <= LargestAlignment && long.IsPow2(alignment)
            ? alignment
            : throw new CheckpointException(
                $"{_path}: {AlignmentKey} was expected to be a power of two up to {LargestAlignment}; found {alignment}.");
    }

    private OrderedDictionary<string, GgufTensor> ReadTensors(long count, long alignment)
    {
        var found = new List<(string Name, GgmlType Type, long[] Shape, long Offset, long Length)>();
        for (long i = 0; i < count; i++)
        {
            string name = ReadName($"the name of tensor {i}", LongestName);
            long[] shape = ReadShape(name);
            GgmlType type = ReadTensorType(name);
            ulong offset = ReadUInt64($"the offset of tensor '{name}'");
            if (offset > (ulong)_source.Length || (long)offset % alignment != 0)
            {
                throw new CheckpointException(
                    $"{_path}: tensor '{name}' begins at byte {offset} of the data; a multiple of {alignment} inside the file was expected.");
            }

            found.Add((name, type, shape, (long)offset, LengthOf(name, type, shape)));
        }

        long dataStart = AlignUp(_position, alignment);
        CheckCoverage(found, dataStart, alignment);
        var tensors = new OrderedDictionary<string, GgufTensor>(StringComparer.Ordinal);
        foreach ((string name, GgmlType type, long[] shape, long offset, _) in found)
        {
            if (!tensors.TryAdd(name, new GgufTensor(name, type, shape, _source, dataStart + offset, _path)))
            {
                throw new CheckpointException($"{_path}: the file names tensor '{name}' twice.");
            }
        }

        return tensors;
    }

    private long[] ReadShape(string name)
    {
        uint dimensions = ReadUInt32($"the dimensions of tensor '{name}'");
        if (dimensions is 0 or > MostDimensions)
        {
            throw new CheckpointException($"{_path}: tensor '{name}' has {dimensions} dimensions; 1 to {MostDimensions} were expected.");
        }

        // The innermost dimension comes first in the file and last in a shape.
        var shape = new long[dimensions];
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            ulong size = ReadUInt64($"a dimension of tensor '{name}'");
            shape[i] = size is > 0 and <= long.MaxValue
                ? (long)size
                : throw new CheckpointException($"{_path}: tensor '{name}' has a dimension of {size}; 1 to {long.MaxValue} was expected.");
        }

        return shape;
    }

    private GgmlType ReadTensorType(string name)
    {
        uint type = ReadUInt32($"the type of tensor '{name}'");
        return Enum.IsDefined((GgmlType)type)
            ? (GgmlType)type
            : throw new CheckpointException(
                $"{_path}: tensor '{name}' is stored as {GgmlTypes.NameOf(type)}; the types Palmyra reads are "
                + $"{string.Join(", ", Enum.GetNames<GgmlType>())}.");
    }

    private long LengthOf(string name, GgmlType type, long[] shape)
    {
        if (shape[^1] % type.BlockSize() != 0)
        {
            throw new CheckpointException(
                $"{_path}: tensor '{name}' has rows of {shape[^1]} numbers; {type} stores them by {type.BlockSize()}.");
        }

        return TensorView.TryCount(shape, out long count) && count / type.BlockSize() <= long.MaxValue / 4 / type.BlockBytes()
            ? type.Bytes(count)
            : throw new CheckpointException($"{_path}: tensor '{name}' has shape [{string.Join(", ", shape)}], whose size exceeds 62 bits.");
    }

    private void CheckCoverage(List<(string Name, GgmlType Type, long[] Shape, long Offset, long Length)> found, long dataStart, long alignment)
    {
        long dataLength = Math.Max(0, _source.Length - dataStart);
        long end = 0;
        string previous = "the header";
        foreach ((string name, _, _, long offset, long length) in found.OrderBy(tensor => tensor.Offset))
        {
            long expected = AlignUp(end, alignment);
            if (offset != expected)
            {
                string fault = offset < expected ? "overlaps" : "leaves a hole after";
                throw new CheckpointException(
                    $"{_path}: tensor '{name}' {fault} {previous}: expected to begin at byte {expected} of the data, found {offset}.");
            }

            if (length > dataLength - offset)
            {
                throw new CheckpointException(
                    $"{_path}: tensor '{name}' takes {length} bytes from byte {offset} of the data, but the file holds {dataLength}. "
                    + "Is the download complete?");
            }

            end = offset + length;
            previous = $"tensor '{name}'";
        }

        if (dataLength - end >= alignment)
        {
            throw new CheckpointException(
                $"{_path}: the tensors end at byte {end} of the data, but the file holds {dataLength}; {dataLength - end} bytes belong to nothing.");
        }
    }

    private string ReadName(string what, int longest)
    {
        ulong length = ReadUInt64($"the length of {what}");
        if (length == 0 || length > (ulong)longest)
        {
            throw new CheckpointException($"{_path}: {what} was expected to have 1 to {longest} bytes; found {length}.");
        }

        Need((long)length, what);
        string name = GgufMetadata.Decode(_source.Slice(_position, (int)length), _path, what);
        _position += (long)length;
        return name;
    }

    private uint ReadUInt32(string what)
    {
        Need(sizeof(uint), what);
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(_source.Slice(_position, sizeof(uint)));
        _position += sizeof(uint);
        return value;
    }

    private ulong ReadUInt64(string what)
    {
        Need(sizeof(ulong), what);
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(_source.Slice(_position, sizeof(ulong)));
        _position += sizeof(ulong);
        return value;
    }

    private void Need(long bytes, string what)
    {
        if (bytes > Left)
        {
            throw new CheckpointException($"{_path}: {what} takes {bytes} bytes at byte {_position}, but {Left} follow. Is the download complete?");
        }
    }

    private static long AlignUp(long value, long alignment) => (value + alignment - 1) / alignment * alignment;
}
