namespace Palmyra.Checkpoints;

/// <summary>A tensor to be saved: a name, a type, a shape, and a way to ask for its bytes piece by piece.</summary>
public sealed class TensorSource
{
    private readonly TensorBytes _bytes;
    private readonly int? _alignment;

    /// <summary>Describes a tensor whose bytes come from a callback.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="type">The type of the elements the callback gives.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="bytes">Called in increasing order of elements, once for each.</param>
    /// <exception cref="ArgumentException">A dimension is negative, or the size overflows 64 bits.</exception>
    public TensorSource(string name, ElementType type, IReadOnlyList<long> shape, TensorBytes bytes)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(bytes);
        if (!TensorView.TryCount([.. shape], out long count) || count > long.MaxValue / type.Size())
        {
            throw new ArgumentException($"[{string.Join(", ", shape)}] is not the shape of a tensor.", nameof(shape));
        }

        Name = name;
        Type = type;
        Shape = shape;
        Count = count;
        _bytes = bytes;
    }

    /// <summary>Its name in the file.</summary>
    public string Name { get; }

    /// <summary>Its element type.</summary>
    public ElementType Type { get; }

    /// <summary>Its dimensions.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of elements.</summary>
    public long Count { get; }

    /// <summary>What its place in the file is a multiple of; the size of an element unless stated. <see cref="Length"/> must be a multiple too.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or negative.</exception>
    public int Alignment
    {
        get => _alignment ?? Type.Size();
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            _alignment = value;
        }
    }

    /// <summary>The number of bytes.</summary>
    public long Length => Count * Type.Size();

    /// <summary>A tensor of another checkpoint, bit for bit, made row-major.</summary>
    /// <param name="view">The tensor; its file must stay open until it is saved.</param>
    /// <param name="name">Its new name; its own if null.</param>
    public static TensorSource Of(TensorView view, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(view);
        return new TensorSource(name ?? view.Name, view.Type, view.Shape, view.CopyBytes);
    }

    /// <summary>Floats in memory, row-major.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="values">As many numbers as the shape has elements.</param>
    /// <param name="type">F32, or F16 or BF16 to round each number to the nearest, ties to even.</param>
    /// <exception cref="ArgumentException">The number of values is not the shape's, or the type is none of the three.</exception>
    public static TensorSource Of(string name, IReadOnlyList<long> shape, ReadOnlyMemory<float> values, ElementType type = ElementType.F32)
    {
        if (type is not (ElementType.F32 or ElementType.F16 or ElementType.BF16))
        {
            throw new ArgumentOutOfRangeException(nameof(type), type, "Floats are saved as F32, F16 or BF16.");
        }

        var source = new TensorSource(
            name, type, shape, (element, bytes) => type.FromFloats(values.Span.Slice((int)element, bytes.Length / type.Size()), bytes));
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, source.Count, nameof(values));
        return source;
    }

    /// <summary>Copies elements from <paramref name="element"/> on.</summary>
    internal void CopyBytes(long element, Span<byte> destination) => _bytes(element, destination);
}
