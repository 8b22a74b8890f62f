using System.Text;

namespace Palmyra.Tests.Checkpoints;

/// <summary>A GGUF file written field by field, so that a test can write any of them wrongly.</summary>
internal sealed class GgufBytes
{
    private readonly MemoryStream _stream = new();
    private readonly BinaryWriter _writer;

    public GgufBytes() => _writer = new BinaryWriter(_stream);

    /// <summary>Magic, version and the two counts.</summary>
    public static GgufBytes Begin(ulong tensors, ulong pairs, uint version = 3) => new GgufBytes().Raw("GGUF"u8).U32(version).U64(tensors).U64(pairs);

    public GgufBytes Raw(ReadOnlySpan<byte> bytes)
    {
        _writer.Write(bytes);
        return this;
    }

    public GgufBytes U8(byte value) => Raw([value]);

    public GgufBytes U32(uint value)
    {
        _writer.Write(value);
        return this;
    }

    public GgufBytes U64(ulong value)
    {
        _writer.Write(value);
        return this;
    }

    public GgufBytes F32(params float[] values)
    {
        foreach (float value in values)
        {
            _writer.Write(value);
        }

        return this;
    }

    public GgufBytes Text(string value) => U64((ulong)Encoding.UTF8.GetByteCount(value)).Raw(Encoding.UTF8.GetBytes(value));

    /// <summary>A tensor's description, dimensions innermost first as in the file.</summary>
    public GgufBytes Tensor(string name, uint type, ulong offset, params ulong[] dimensions)
    {
        Text(name).U32((uint)dimensions.Length);
        foreach (ulong dimension in dimensions)
        {
            U64(dimension);
        }

        return U32(type).U64(offset);
    }

    public GgufBytes Pad(int alignment = 32)
    {
        while (_stream.Length % alignment != 0)
        {
            U8(0);
        }

        return this;
    }

    public byte[] End()
    {
        _writer.Flush();
        return _stream.ToArray();
    }
}
