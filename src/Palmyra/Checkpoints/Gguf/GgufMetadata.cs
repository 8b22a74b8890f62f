using System.Buffers.Binary;
using System.Text;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints.Gguf;

/// <summary>The metadata of a GGUF file: values are read from the file when they are asked for, so opening copies none.</summary>
/// <remarks>A key that is absent gives null; one of another type than asked for is refused by name.</remarks>
public sealed class GgufMetadata
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ByteSource _source;
    private readonly string _path;
    private readonly OrderedDictionary<string, GgufEntry> _entries;

    internal GgufMetadata(ByteSource source, string path, OrderedDictionary<string, GgufEntry> entries)
    {
        _source = source;
        _path = path;
        _entries = entries;
    }

    /// <summary>The keys, in the file's order.</summary>
    public IReadOnlyList<string> Keys => _entries.Keys;

    /// <summary>A string.</summary>
    /// <exception cref="CheckpointException">The value is no string, or not UTF-8.</exception>
    public string? Text(string key) => Find(key, isArray: false, "a string", type => type == GgufValueType.String) is { } entry
        ? TextAt(key, entry.Offset, out _)
        : null;

    /// <summary>An integer of any width.</summary>
    /// <exception cref="CheckpointException">The value is no integer, or beyond 63 bits.</exception>
    public long? Integer(string key) =>
        Find(key, isArray: false, "an integer", IsInteger) is { } entry ? IntegerAt(key, entry.Type, entry.Offset) : null;

    /// <summary>A floating-point number.</summary>
    /// <exception cref="CheckpointException">The value is no floating-point number.</exception>
    public double? Number(string key)
    {
        if (Find(key, isArray: false, "a floating-point number", type => type is GgufValueType.Float32 or GgufValueType.Float64) is not { } entry)
        {
            return null;
        }

        return entry.Type == GgufValueType.Float32
            ? BinaryPrimitives.ReadSingleLittleEndian(_source.Slice(entry.Offset, sizeof(float)))
            : BinaryPrimitives.ReadDoubleLittleEndian(_source.Slice(entry.Offset, sizeof(double)));
    }

    /// <summary>True or false.</summary>
    /// <exception cref="CheckpointException">The value is of another type.</exception>
    public bool? Flag(string key) =>
        Find(key, isArray: false, "true or false", type => type == GgufValueType.Bool) is { } entry ? _source.Slice(entry.Offset, 1)[0] != 0 : null;

    /// <summary>An array of strings.</summary>
    /// <param name="key">The key.</param>
    /// <param name="most">The most elements it may have: what has more is refused before memory is claimed for it.</param>
    /// <exception cref="CheckpointException">The value is of another type or has more elements, or a string is not UTF-8.</exception>
    public string[]? Texts(string key, long most = long.MaxValue)
    {
        if (Find(key, isArray: true, "an array of strings", type => type == GgufValueType.String, most) is not { } entry)
        {
            return null;
        }

        var values = new string[entry.Count];
        long at = entry.Offset;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = TextAt(key, at, out at);
        }

        return values;
    }

    /// <summary>An array of integers of any width.</summary>
    /// <param name="key">The key.</param>
    /// <param name="most">The most elements it may have: what has more is refused before memory is claimed for it.</param>
    /// <exception cref="CheckpointException">The value is of another type or has more elements, or a number is beyond 63 bits.</exception>
    public long[]? Integers(string key, long most = long.MaxValue)
    {
        if (Find(key, isArray: true, "an array of integers", IsInteger, most) is not { } entry)
        {
            return null;
        }

        var values = new long[entry.Count];
        int size = GgufReader.SizeOf(entry.Type);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = IntegerAt(key, entry.Type, entry.Offset + ((long)i * size));
        }

        return values;
    }

    /// <summary>Decodes a string of the file; what it is goes into the message if it is not UTF-8.</summary>
    internal static string Decode(ReadOnlySpan<byte> bytes, string path, string what)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw new CheckpointException($"{path}: {what} was expected to be UTF-8 text; found bytes that are not.", error);
        }
    }

    private static bool IsInteger(GgufValueType type) => type is GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.UInt16
        or GgufValueType.Int16 or GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.UInt64 or GgufValueType.Int64;

    private GgufEntry? Find(string key, bool isArray, string expected, Func<GgufValueType, bool> fits, long most = long.MaxValue)
    {
        if (!_entries.TryGetValue(key, out GgufEntry entry))
        {
            return null;
        }

        if (entry.IsArray == isArray && fits(entry.Type))
        {
            return entry.Count <= Math.Min(most, Array.MaxLength)
                ? entry
                : throw new CheckpointException(
                    $"{_path}: '{key}' was expected to have at most {Math.Min(most, Array.MaxLength)} elements; found {entry.Count}.");
        }

        throw new CheckpointException(
            $"{_path}: '{key}' was expected to be {expected}; found {(entry.IsArray ? $"an array of {entry.Type}" : entry.Type.ToString())}.");
    }

    private string TextAt(string key, long offset, out long end)
    {
        // The reader has walked every string: its length lies inside the file and fits a span.
        int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(_source.Slice(offset, sizeof(ulong)));
        end = offset + sizeof(ulong) + length;
        return Decode(_source.Slice(offset + sizeof(ulong), length), _path, $"'{key}'");
    }

    private long IntegerAt(string key, GgufValueType type, long offset)
    {
        ReadOnlySpan<byte> bytes = _source.Slice(offset, GgufReader.SizeOf(type));
        ulong wide = type == GgufValueType.UInt64 ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
        return wide <= long.MaxValue
            ? type switch
            {
                GgufValueType.UInt8 => bytes[0],
                GgufValueType.Int8 => (sbyte)bytes[0],
                GgufValueType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
                GgufValueType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
                GgufValueType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
                GgufValueType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
                GgufValueType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
                _ => (long)wide,
            }
            : throw new CheckpointException($"{_path}: '{key}' was expected to be at most {long.MaxValue}; found {wide}.");
    }
}
