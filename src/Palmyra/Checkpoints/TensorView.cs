using System.Collections.ObjectModel;
using Palmyra.Diagnostics;

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

    /// <summary>What its file states about itself: the pairs of a safetensors file's <c>__metadata__</c>; empty for the others.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    internal ByteSource Source { get; }

    internal long Offset { get; }

    /// <summary>The shape as people write it: [2, 3].</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";

    /// <summary>Copies elements in row-major order, whatever the strides, as the file's own bytes.</summary>
    /// <param name="element">The first element, counted in row-major order.</param>
    /// <param name="destination">A whole number of elements.</param>
    /// <exception cref="ArgumentException">The elements are not all in the tensor, or <paramref name="destination"/> cuts one.</exception>
    public void CopyBytes(long element, Span<byte> destination)
    {
        int size = Type.Size();
        if (destination.Length % size != 0 || element < 0 || element > Count - (destination.Length / size))
        {
            throw new ArgumentException($"Elements {element} to {element + (destination.Length / size)} are not all in '{Name}' {ShapeText}.");
        }

        if (destination.IsEmpty)
        {
            return;
        }

        // The contiguous tail: trailing dimensions that lie in the file as row-major order wants them.
        int outer = Shape.Count;
        long run = 1;
        while (outer > 0 && (Shape[outer - 1] == 1 || Strides[outer - 1] == run))
        {
            run *= Shape[--outer];
        }

        while (!destination.IsEmpty)
        {
            long at = element % run;
            long row = element / run;
            for (int i = outer - 1; i >= 0; i--)
            {
                at += row % Shape[i] * Strides[i];
                row /= Shape[i];
            }

            int bytes = (int)Math.Min(destination.Length, (run - (element % run)) * size);
            Source.Slice(Offset + (at * size), bytes).CopyTo(destination);
            destination = destination[bytes..];
            element += bytes / size;
        }
    }

    /// <summary>Copies the whole tensor as floats, row-major, whatever the strides.</summary>
    /// <exception cref="CheckpointException">The tensor holds integers, or more elements than an array can.</exception>
    public float[] ToFloats()
    {
        if (!Type.IsFloat() || Count > Array.MaxLength / sizeof(double))
        {
            throw new CheckpointException(
                $"{File}: tensor '{Name}' was expected to hold at most {Array.MaxLength / sizeof(double)} floating-point numbers; "
                + $"found {Type} {ShapeText}.");
        }

        var values = new float[Count];
        const int Chunk = 4096;
        Span<byte> buffer = stackalloc byte[Chunk * Type.Size()];
        for (int i = 0; i < values.Length; i += Chunk)
        {
            Span<float> part = values.AsSpan(i, Math.Min(Chunk, values.Length - i));
            CopyBytes(i, buffer[..(part.Length * Type.Size())]);
            Type.ToFloats(buffer[..(part.Length * Type.Size())], part);
        }

        return values;
    }

    /// <summary>The number of elements of a shape, unless a dimension is negative or the product of the others than 0 overflows 64 bits.</summary>
    internal static bool TryCount(ReadOnlySpan<long> shape, out long count)
    {
        long product = 1;
        bool empty = false;
        count = 0;
        foreach (long dimension in shape)
        {
            if (dimension < 0 || (dimension > 0 && product > long.MaxValue / dimension))
            {
                return false;
            }

            empty |= dimension == 0;
            product *= Math.Max(dimension, 1);
        }

        count = empty ? 0 : product;
        return true;
    }

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
