namespace Palmyra.Checkpoints;

/// <summary>A named tensor where the checkpoint holds it: nothing is read or copied until someone asks.</summary>
/// <remarks>Strides are in elements. Safetensors are row-major; a PyTorch file may hold transposed views and shared storages.</remarks>
public sealed class TensorView
{
    /// <summary>Describes a tensor. The caller (a container's reader) has verified that every element lies inside <paramref name="source"/>.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="type">Its element type.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="strides">Elements between neighbours along each dimension.</param>
    /// <param name="source">The file's bytes.</param>
    /// <param name="offset">The byte offset of element 0.</param>
    /// <param name="file">The file's path, for messages.</param>
    public TensorView(string name, ElementType type, long[] shape, long[] strides, ByteSource source, long offset, string file)
    {
        Name = name;
        Type = type;
        Shape = shape;
        Strides = strides;
        Source = source;
        Offset = offset;
        File = file;
    }

    /// <summary>Its name in the file.</summary>
    public string Name { get; }

    /// <summary>Its element type.</summary>
    public ElementType Type { get; }

    /// <summary>Its dimensions.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Elements between neighbours along each dimension.</summary>
    public IReadOnlyList<long> Strides { get; }

    /// <summary>The file it lies in.</summary>
    public string File { get; }

    /// <summary>The number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (a, b) => checked(a * b));

    internal ByteSource Source { get; }

    internal long Offset { get; }

    /// <summary>The shape as people write it: [2, 3].</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";

    /// <summary>The row-major strides of a shape.</summary>
    public static long[] RowMajor(IReadOnlyList<long> shape)
    {
        var strides = new long[shape.Count];
        long next = 1;
        for (int i = shape.Count - 1; i >= 0; i--)
        {
            strides[i] = next;
            next *= shape[i];
        }

        return strides;
    }
}
