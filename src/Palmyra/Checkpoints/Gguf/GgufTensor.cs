using Palmyra.Diagnostics;
using Palmyra.Quantization;

namespace Palmyra.Checkpoints.Gguf;

/// <summary>A named tensor where a GGUF file holds it: nothing is read until someone asks.</summary>
public sealed class GgufTensor
{
    private readonly ByteSource _source;
    private readonly long _offset;

    /// <summary>Describes a tensor whose every byte the reader has found inside the file.</summary>
    internal GgufTensor(string name, GgmlType type, long[] shape, ByteSource source, long offset, string file)
    {
        Name = name;
        Type = type;
        Shape = shape;
        File = file;
        _source = source;
        _offset = offset;
    }

    /// <summary>Its name in the file.</summary>
    public string Name { get; }

    /// <summary>How its numbers are stored.</summary>
    public GgmlType Type { get; }

    /// <summary>Its dimensions, outermost first as everywhere in Palmyra; the file lists them the other way round.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The file it lies in.</summary>
    public string File { get; }

    /// <summary>The number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (a, b) => checked(a * b));

    /// <summary>Its bytes in the file.</summary>
    public long Length => Type.Bytes(Count);

    /// <summary>The shape as people write it: [2, 3].</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";

    /// <summary>The tensor as any other checkpoint's: floats where they lie in the file, blocks unpacked into memory as the F32 numbers they mean.</summary>
    /// <exception cref="CheckpointException">The tensor has blocks, and more numbers than an array holds.</exception>
    public TensorView View()
    {
        long[] shape = [.. Shape];
        if (Type.GroupedFormat() is null)
        {
            return new TensorView(Name, Type.ElementType(), shape, TensorView.RowMajor(shape), _source, _offset, File);
        }

        if (Count > Array.MaxLength)
        {
            throw new CheckpointException($"{File}: tensor '{Name}' has {Count} numbers; at most {Array.MaxLength} of {Type} can be unpacked.");
        }

        var values = new float[Count];
        int piece = 4096 * Type.BlockSize();
        for (long at = 0; at < values.Length; at += piece)
        {
            Span<float> part = values.AsSpan((int)at, (int)Math.Min(piece, values.Length - at));
            GgmlBlocks.ToFloats(Type, _source.Slice(_offset + Type.Bytes(at), (int)Type.Bytes(part.Length)), part);
        }

        return new TensorView(Name, Checkpoints.ElementType.F32, shape, TensorView.RowMajor(shape), ByteSource.Of(values), 0, File);
    }

    /// <summary>Whether another tensor has the same type, shape and bytes.</summary>
    internal bool IsCopyOf(GgufTensor other)
    {
        if (Type != other.Type || !Shape.SequenceEqual(other.Shape))
        {
            return false;
        }

        const int Piece = 1 << 20;
        for (long at = 0; at < Length; at += Piece)
        {
            int count = (int)Math.Min(Piece, Length - at);
            if (!_source.Slice(_offset + at, count).SequenceEqual(other._source.Slice(other._offset + at, count)))
            {
                return false;
            }
        }

        return true;
    }
}
