using System.Text;

namespace Palmyra.Benchmarks.Peers;

/// <summary>Writes protocol-buffer messages: as much of the wire format as an ONNX file of one operation needs.</summary>
/// <remarks>Large fields are kept by reference until the end, so that a matrix is copied once.</remarks>
internal sealed class ProtobufWriter
{
    private const int Varint = 0;
    private const int LengthDelimited = 2;

    private readonly List<ReadOnlyMemory<byte>> _pieces = [];
    private long _length;

    /// <summary>An integer field.</summary>
    public ProtobufWriter Number(int field, long value)
    {
        Append(Encode(((ulong)field << 3) | Varint));
        Append(Encode((ulong)value));
        return this;
    }

    /// <summary>A string field.</summary>
    public ProtobufWriter Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    /// <summary>A bytes field.</summary>
    public ProtobufWriter Bytes(int field, ReadOnlyMemory<byte> value)
    {
        Append(Encode(((ulong)field << 3) | LengthDelimited));
        Append(Encode((ulong)value.Length));
        Append(value);
        return this;
    }

    /// <summary>A message within this one.</summary>
    public ProtobufWriter Message(int field, ProtobufWriter message)
    {
        Append(Encode(((ulong)field << 3) | LengthDelimited));
        Append(Encode((ulong)message._length));
        _pieces.AddRange(message._pieces);
        _length += message._length;
        return this;
    }

    /// <summary>The whole message.</summary>
    public byte[] ToArray()
    {
        var bytes = new byte[_length];
        int at = 0;
        foreach (ReadOnlyMemory<byte> piece in _pieces)
        {
            piece.Span.CopyTo(bytes.AsSpan(at));
            at += piece.Length;
        }

        return bytes;
    }

    private void Append(ReadOnlyMemory<byte> piece)
    {
        _pieces.Add(piece);
        _length += piece.Length;
    }

    private static byte[] Encode(ulong value)
    {
        var bytes = new List<byte>(10);
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return [.. bytes];
    }
}
