using System.Buffers.Binary;
using System.Text.Json;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>Reads the safetensors container: an 8-byte length, a JSON header, then the tensors' bytes back to back.</summary>
/// <remarks>
/// The format is huggingface/safetensors'. The header is checked completely before any tensor is handed out: tensors must cover the data
/// exactly, without overlap, hole or rest, so that a file cannot claim more than it holds.
/// </remarks>
public static class SafetensorsReader
{
    /// <summary>The longest header accepted, in bytes: the limit of the reference implementation.</summary>
    public const int MaxHeaderLength = 100_000_000;

    /// <summary>The most tensors a header or an index may name, and the most pairs of metadata: a hundred times what the largest models have.</summary>
    internal const int MaxEntries = 1 << 17;

    /// <summary>The name of the header's entry that is no tensor.</summary>
    internal const string MetadataKey = "__metadata__";

    private const int LengthBytes = 8;
    private const int MaxDepth = 8;
    private const int MaxDimensions = 64;

    private static readonly OrderedDictionary<string, ElementType> KnownTypes = new(StringComparer.Ordinal)
    {
        ["F64"] = ElementType.F64,
        ["F32"] = ElementType.F32,
        ["F16"] = ElementType.F16,
        ["BF16"] = ElementType.BF16,
        ["I64"] = ElementType.I64,
        ["I32"] = ElementType.I32,
        ["I16"] = ElementType.I16,
        ["I8"] = ElementType.I8,
        ["U8"] = ElementType.U8,
        ["BOOL"] = ElementType.Bool,
    };

    /// <summary>Reads the header and returns a view of every tensor, in the header's order.</summary>
    /// <param name="source">The file's bytes; the views stay valid as long as it does.</param>
    /// <param name="path">The file's path, for messages.</param>
    /// <exception cref="CheckpointException">The file is not a well-formed safetensors file.</exception>
    public static IReadOnlyDictionary<string, TensorView> Read(ByteSource source, string path) => Read(source, path, out _);

    /// <summary>Reads the header and returns a view of every tensor, in the header's order, and the file's <c>__metadata__</c>.</summary>
    /// <param name="source">The file's bytes; the views stay valid as long as it does.</param>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="metadata">The pairs under <c>__metadata__</c>; empty if there are none.</param>
    /// <exception cref="CheckpointException">The file is not a well-formed safetensors file.</exception>
    public static IReadOnlyDictionary<string, TensorView> Read(
        ByteSource source, string path, out IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(source);
        ReadOnlySpan<byte> header = Header(source, path);
        var pairs = new OrderedDictionary<string, string>(StringComparer.Ordinal);
        var entries = new OrderedDictionary<string, Entry>(StringComparer.Ordinal);
        try
        {
            ReadHeader(header, path, entries, pairs);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Utf8JsonReader reports text that is not valid UTF-8 or UTF-16 as InvalidOperationException.
            throw new CheckpointException($"{path}: the header is not valid JSON: {error.Message}", error);
        }

        long dataStart = LengthBytes + header.Length;
        CheckCoverage(entries, source.Length - dataStart, path);
        var tensors = new OrderedDictionary<string, TensorView>(entries.Count, StringComparer.Ordinal);
        foreach ((string name, Entry entry) in entries)
        {
            tensors.Add(name, new TensorView(
                name, entry.Type, entry.Shape, TensorView.RowMajor(entry.Shape), source, dataStart + entry.Begin, path) { Metadata = pairs });
        }

        metadata = pairs;
        return tensors;
    }

    /// <summary>The name safetensors gives an element type.</summary>
    internal static string TypeName(ElementType type) => KnownTypes.First(known => known.Value == type).Key;

    private static ReadOnlySpan<byte> Header(ByteSource source, string path)
    {
        if (source.Length < LengthBytes)
        {
            throw new CheckpointException(
                $"{path}: the file has {source.Length} bytes; a safetensors file starts with an {LengthBytes}-byte header length. "
                + "Is the download complete?");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(source.Slice(0, LengthBytes));
        if (length > MaxHeaderLength)
        {
            throw new CheckpointException(
                $"{path}: the header claims {length} bytes; at most {MaxHeaderLength} are accepted. This is probably not a safetensors file.");
        }

        if ((long)length > source.Length - LengthBytes)
        {
            throw new CheckpointException(
                $"{path}: the header claims {length} bytes but {source.Length - LengthBytes} follow. Is the download complete?");
        }

        return source.Slice(LengthBytes, (int)length);
    }

    private static void ReadHeader(
        ReadOnlySpan<byte> header, string path, OrderedDictionary<string, Entry> entries, OrderedDictionary<string, string> metadata)
    {
        var reader = new Utf8JsonReader(header, new JsonReaderOptions { MaxDepth = MaxDepth });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new CheckpointException($"{path}: the header was expected to be a JSON object; found {reader.TokenType}.");
        }

        bool hasMetadata = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == MetadataKey)
            {
                if (hasMetadata)
                {
                    throw new CheckpointException($"{path}: the header has {MetadataKey} twice.");
                }

                hasMetadata = true;
                ReadMetadata(ref reader, path, metadata);
            }
            else if (!entries.TryAdd(name, ReadEntry(ref reader, path, name)))
            {
                throw new CheckpointException($"{path}: the header names tensor '{name}' twice.");
            }

            if (entries.Count > MaxEntries)
            {
                throw new CheckpointException($"{path}: the header names more than {MaxEntries} tensors; no model has so many.");
            }
        }

        // Reading on makes the reader refuse anything but white space after the object.
        reader.Read();
    }

    private static void ReadMetadata(ref Utf8JsonReader reader, string path, OrderedDictionary<string, string> metadata)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new CheckpointException($"{path}: {MetadataKey} was expected to be an object of strings; found {reader.TokenType}.");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
            {
                throw new CheckpointException($"{path}: {MetadataKey} '{key}' was expected to be a string; found {reader.TokenType}.");
            }

            if (!metadata.TryAdd(key, reader.GetString()!))
            {
                throw new CheckpointException($"{path}: {MetadataKey} has '{key}' twice.");
            }

            if (metadata.Count > MaxEntries)
            {
                throw new CheckpointException($"{path}: {MetadataKey} has more than {MaxEntries} pairs; no model needs so many.");
            }
        }
    }

    private static Entry ReadEntry(ref Utf8JsonReader reader, string path, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new CheckpointException($"{path}: tensor '{name}' was expected to be a JSON object; found {reader.TokenType}.");
        }

        ElementType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string key = reader.GetString()!;
            reader.Read();
            switch (key)
            {
                case "dtype" when type is null:
                    type = ReadType(ref reader, path, name);
                    break;
                case "shape" when shape is null:
                    shape = ReadIntegers(ref reader, path, name, key, MaxDimensions);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadIntegers(ref reader, path, name, key, 2);
                    break;
                default:
                    throw new CheckpointException(
                        $"{path}: tensor '{name}' has an unknown or repeated field '{key}'; expected dtype, shape and data_offsets, each once.");
            }
        }

        if (type is null || shape is null || offsets is not { Length: 2 })
        {
            throw new CheckpointException(
                $"{path}: tensor '{name}' was expected to have dtype, shape and data_offsets [begin, end]; one is missing or incomplete.");
        }

        return Verified(path, name, type.Value, shape, offsets[0], offsets[1]);
    }

    private static ElementType ReadType(ref Utf8JsonReader reader, string path, string name)
    {
        string found = reader.TokenType == JsonTokenType.String ? reader.GetString()! : reader.TokenType.ToString();
        return KnownTypes.TryGetValue(found, out ElementType type)
            ? type
            : throw new CheckpointException(
                $"{path}: tensor '{name}' has dtype '{found}'; the dtypes Palmyra reads are {string.Join(", ", KnownTypes.Keys)}.");
    }

    private static long[] ReadIntegers(ref Utf8JsonReader reader, string path, string name, string key, int most)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new CheckpointException($"{path}: tensor '{name}': {key} was expected to be an array of integers; found {reader.TokenType}.");
        }

        var values = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long value) || value < 0)
            {
                throw new CheckpointException(
                    $"{path}: tensor '{name}': {key} was expected to hold integers from 0 to {long.MaxValue}; "
                    + $"element {values.Count} is something else.");
            }

            if (values.Count == most)
            {
                throw new CheckpointException($"{path}: tensor '{name}': {key} was expected to hold at most {most} numbers; found more.");
            }

            values.Add(value);
        }

        return [.. values];
    }

    private static Entry Verified(string path, string name, ElementType type, long[] shape, long begin, long end)
    {
        if (end < begin)
        {
            throw new CheckpointException($"{path}: tensor '{name}' ends before it begins: data_offsets [{begin}, {end}].");
        }

        if (!TensorView.TryCount(shape, out long count) || count > long.MaxValue / type.Size())
        {
            throw new CheckpointException($"{path}: tensor '{name}' has shape [{string.Join(", ", shape)}], whose size exceeds 64 bits.");
        }

        long expected = count * type.Size();
        return expected == end - begin
            ? new Entry(type, shape, begin, end)
            : throw new CheckpointException(
                $"{path}: tensor '{name}' ({TypeName(type)} [{string.Join(", ", shape)}]) takes {expected} bytes, "
                + $"but data_offsets [{begin}, {end}] give it {end - begin}.");
    }

    private static void CheckCoverage(OrderedDictionary<string, Entry> entries, long dataLength, string path)
    {
        long covered = 0;
        string previous = "the header";
        foreach ((string name, Entry entry) in entries.OrderBy(pair => pair.Value.Begin).ThenBy(pair => pair.Value.End))
        {
            if (entry.End > dataLength)
            {
                throw new CheckpointException(
                    $"{path}: tensor '{name}' ends at byte {entry.End} of the data, but the file holds {dataLength}. Is the download complete?");
            }

            if (entry.Begin != covered)
            {
                string fault = entry.Begin < covered ? "overlaps" : "leaves a hole after";
                throw new CheckpointException(
                    $"{path}: tensor '{name}' {fault} {previous}: expected to begin at byte {covered} of the data, found {entry.Begin}.");
            }

            covered = entry.End;
            previous = $"tensor '{name}'";
        }

        if (covered != dataLength)
        {
            throw new CheckpointException(
                $"{path}: the tensors end at byte {covered} of the data, but the file holds {dataLength}; "
                + $"{dataLength - covered} bytes belong to nothing.");
        }
    }

    private sealed record Entry(ElementType Type, long[] Shape, long Begin, long End);
}
