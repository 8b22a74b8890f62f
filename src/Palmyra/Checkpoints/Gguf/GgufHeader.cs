using System.Buffers.Binary;
using System.Text;

namespace Palmyra.Checkpoints.Gguf;

/// <summary>Metadata to be written to a GGUF file, in the order it is added.</summary>
internal sealed class GgufHeader
{
    private readonly MemoryStream _bytes = new();
    private readonly HashSet<string> _keys = new(StringComparer.Ordinal);

    /// <summary>The number of pairs.</summary>
    public int Count => _keys.Count;

    internal ReadOnlySpan<byte> Bytes => _bytes.GetBuffer().AsSpan(0, (int)_bytes.Length);

    /// <summary>Adds a string.</summary>
    /// <exception cref="ArgumentException">The key is there already.</exception>
    public void Add(string key, string value)
    {
        Begin(key, GgufValueType.String);
        WriteText(_bytes, value);
    }

    /// <summary>Adds an unsigned integer of 32 bits, which is what ggml's own tools expect of sizes and ids.</summary>
    /// <inheritdoc cref="Add(string, string)"/>
    public void Add(string key, uint value)
    {
        Begin(key, GgufValueType.UInt32);
        WriteUInt32(_bytes, value);
    }

    /// <summary>Adds a float.</summary>
    /// <inheritdoc cref="Add(string, string)"/>
    public void Add(string key, float value)
    {
        Begin(key, GgufValueType.Float32);
        WriteUInt32(_bytes, BitConverter.SingleToUInt32Bits(value));
    }

    /// <summary>Adds true or false.</summary>
    /// <inheritdoc cref="Add(string, string)"/>
    public void Add(string key, bool value)
    {
        Begin(key, GgufValueType.Bool);
        _bytes.WriteByte(value ? (byte)1 : (byte)0);
    }

    /// <summary>Adds an array of strings.</summary>
    /// <inheritdoc cref="Add(string, string)"/>
    public void Add(string key, IReadOnlyList<string> values)
    {
        BeginArray(key, GgufValueType.String, values.Count);
        foreach (string value in values)
        {
            WriteText(_bytes, value);
        }
    }

    /// <summary>Adds an array of integers of 32 bits.</summary>
    /// <inheritdoc cref="Add(string, string)"/>
    public void Add(string key, IReadOnlyList<int> values)
    {
        BeginArray(key, GgufValueType.Int32, values.Count);
        foreach (int value in values)
        {
            WriteUInt32(_bytes, (uint)value);
        }
    }

    internal static void WriteText(Stream stream, string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        WriteUInt64(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    internal static void WriteUInt32(Stream stream, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    internal static void WriteUInt64(Stream stream, ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private void Begin(string key, GgufValueType type)
    {
        if (!_keys.Add(key))
        {
            throw new ArgumentException($"The key '{key}' is there already.", nameof(key));
        }

        WriteText(_bytes, key);
        WriteUInt32(_bytes, (uint)type);
    }

    private void BeginArray(string key, GgufValueType element, int count)
    {
        Begin(key, GgufValueType.Array);
        WriteUInt32(_bytes, (uint)element);
        WriteUInt64(_bytes, (ulong)count);
    }
}
